const ORDER = ['class', 'function', 'constant', 'group', 'interface', 'type'];

/** Where everything is told: once, on the page of the first entry point that exports it. */
export class Links {
  #byId = new Map();
  #byName = new Map();
  #ownItems = new Map();

  constructor(entries) {
    for (const entry of entries) {
      const own = entry.items.filter(({ id }) => !this.#byId.has(id)).sort(byKindAndName);
      this.#ownItems.set(entry, own);
      this.#place(this.pageOf(entry), own, entry.shapes);
    }
  }

  pageOf({ name }) {
    return `${name.replaceAll('/', '-')}.md`;
  }

  /** What is told on this entry point's page: values, then types, in the order of their headings. */
  ownItems(entry) {
    return this.#ownItems.get(entry);
  }

  isAt(id, page) {
    return this.#byId.get(id)?.page === page;
  }

  /** @returns where to, from this page; null for what is told nowhere. */
  to(id, from) {
    return hrefOf(this.#byId.get(id), from);
  }

  /** As {@link to}, by a name as docstrings have it: the scope's member, or what is on the same page, before others. */
  byName(name, from, scope) {
    const places = this.#byName.get(`${scope?.name}.${name}`) ?? this.#byName.get(name) ?? [];
    return hrefOf(places.find(({ page }) => page === from) ?? places[0], from);
  }

  /** In the order of the page's headings, since an anchor that is taken gets a number. */
  #place(page, items, shapes) {
    const taken = new Map();
    const anchor = (heading) => {
      const slug = slugOf(heading);
      const count = taken.get(slug) ?? 0;
      taken.set(slug, count + 1);
      return { page, anchor: count === 0 ? slug : `${slug}-${count}` };
    };
    const add = (item) => {
      const place = anchor(item.name);
      if (!this.#byId.has(item.id)) this.#byId.set(item.id, place);
      this.#name(item.name, place);
      for (const { kind, name } of item.members) {
        const heading = `${item.name}.${name}`;
        this.#name(heading, kind === 'method' ? anchor(heading) : place);
      }
      item.items.forEach(add);
    };
    items.filter((item) => !isType(item)).forEach(add);
    anchor('Types');
    [...items.filter(isType), ...shapes].forEach(add);
  }

  #name(name, place) {
    this.#byName.set(name, [...(this.#byName.get(name) ?? []), place]);
  }
}

export function isType({ kind }) {
  return kind === 'interface' || kind === 'type';
}

function byKindAndName(a, b) {
  const rank = (item) => (isType(item) ? ORDER.length : ORDER.indexOf(item.kind));
  return rank(a) - rank(b) || (a.name < b.name ? -1 : 1);
}

function hrefOf(place, from) {
  if (place === undefined) return null;
  return `${place.page === from ? '' : place.page}#${place.anchor}`;
}

/** As GitHub makes anchors of headings. */
function slugOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
