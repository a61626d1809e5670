// Renders what declarations.js has read: a page for each entry point, and one that lists them.

import { existsSync } from 'node:fs';
import { isType, Links } from './links.js';
import { prettified } from './pretty.js';

const MADE = 'Made from the docstrings by `node scripts/api-reference.js`.';

/** @returns the text of each page by its name. */
export function pagesOf(entries) {
  const links = new Links(entries);
  const all = entries.flatMap(({ items, shapes }) => [
    ...items,
    ...items.flatMap((item) => item.items),
    ...shapes,
  ]);
  const codes = (list) => [...new Set(list.flatMap(({ code }) => code))];
  const pretty = prettified(codes(all), codes(all.flatMap(({ members }) => members)));
  const pages = entries.map((entry) => [links.pageOf(entry), new Page(entry, links, pretty).text()]);
  return new Map([['README.md', indexOf(entries, links)], ...pages]);
}

function indexOf(entries, links) {
  const rows = entries.map((entry) => [
    `[\`${entry.name}\`](${links.pageOf(entry)})`,
    cell(entry.about),
    links
      .ownItems(entry)
      .filter(({ kind }) => kind === 'class' || kind === 'function')
      .map(({ name, id }) => `[\`${name}\`](${links.to(id)})`)
      .join(' '),
  ]);
  return `${['# API reference', `What each entry point exports. ${MADE} Errors are by code: see [\`ErrorCode\`](${links.byName('ErrorCode')}).`, table(['import from', 'what it is', ''], rows)].join('\n\n')}\n`;
}

class Page {
  #entry;
  #links;
  #pretty;
  #file;

  constructor(entry, links, pretty) {
    this.#entry = entry;
    this.#links = links;
    this.#pretty = pretty;
    this.#file = links.pageOf(entry);
  }

  text() {
    const own = this.#links.ownItems(this.#entry);
    const values = own.filter((item) => !isType(item));
    const types = own.filter(isType);
    const { shapes } = this.#entry;
    const told = [...types, ...shapes];
    const parts = [
      `# \`${this.#entry.name}\``,
      `${this.#said(this.#entry.about)}${guideTo(this.#entry.name)} ${MADE}`,
      this.#contents(values, types, shapes),
      ...values.flatMap((item) => this.#item(item, '##')),
      ...(told.length > 0 ? ['## Types', ...told.flatMap((item) => this.#item(item, '###'))] : []),
    ];
    return `${parts.filter(Boolean).join('\n\n')}\n`;
  }

  #contents(values, types, shapes) {
    const rows = values.map((item) => [this.#link(item), this.#cell(firstSentence(item.doc.text))]);
    const list = (items) => items.map((item) => this.#link(item)).join(' · ');
    const others = this.#entry.items.filter(({ id }) => !this.#links.isAt(id, this.#file));
    return [
      rows.length > 0 ? table(['export', 'what it is'], rows) : '',
      types.length > 0 ? `Types: ${list(types)}` : '',
      shapes.length > 0 ? `What they are made of, and cannot be imported: ${list(shapes)}` : '',
      others.length > 0 ? `Also exported here: ${list(others)}` : '',
    ]
      .filter(Boolean)
      .join('\n\n');
  }

  #item(item, level) {
    return [
      `${level} ${item.name}`,
      this.#code(item.code),
      this.#said(item.doc.text, item),
      item.implements.size > 0 ? `Does what ${this.#linksTo(item.implements)} asks for.` : '',
      item.kind === 'function' ? this.#details(item) : this.#parts(item),
      ...item.doc.examples,
      this.#properties(item),
      ...item.members
        .filter(({ kind }) => kind === 'method')
        .flatMap((member) => this.#method(item, member, `${level}#`)),
      ...item.items.flatMap((each) => this.#item(each, `${level}#`)),
    ];
  }

  #method(item, member, level) {
    return [
      `${level} ${item.name}.${member.name}`,
      this.#code(member.code),
      this.#said(member.doc.text, item),
      this.#details(member, item),
      ...member.doc.examples,
    ];
  }

  #properties(item) {
    const rows = item.members
      .filter(({ kind }) => kind === 'property')
      .map((member) => [
        `\`${member.name}${member.isOptional ? '?' : ''}\``,
        this.#type(member),
        this.#cell(
          [member.doc.text, member.doc.returns, ...member.doc.throws.map((text) => `Throws ${text}`)]
            .filter(Boolean)
            .join(' '),
          item,
        ),
      ]);
    return rows.length > 0
      ? table([item.kind === 'class' ? 'property' : 'field', 'type', 'what it is'], rows)
      : '';
  }

  /** Parameters, what comes back, and errors: each where there is more to say than the signature does. */
  #details({ doc, parameters }, scope) {
    const told = new Map(doc.parameters.map(({ name, about }) => [name, about]));
    const rows = parameters.slice(0, -1).flatMap(({ name, uses }) => {
      const parts = [...told.keys()].filter((each) => each.startsWith(`${name}.`));
      return [
        this.#detail(`\`${name}\``, uses, told.get(name) ?? '', scope),
        ...parts.map((part) => this.#detail(`\`${part}\``, new Map(), told.get(part), scope)),
      ];
    });
    const result = this.#detail('returns', parameters.at(-1)?.uses ?? new Map(), doc.returns, scope);
    const errors = doc.throws.map((text) => `- throws ${this.#line(text, scope)}`);
    return [...rows, result, ...errors].filter(Boolean).join('\n');
  }

  #detail(label, uses, about, scope) {
    const parts = [this.#linksTo(uses, scope), this.#line(about, scope)].filter(Boolean);
    return parts.length > 0 ? `- ${label}: ${parts.join('; ')}` : '';
  }

  /** What a type is made of; of what has members each tells its own. */
  #parts(item) {
    const links = item.members.length > 0 ? '' : this.#linksTo(item.uses, item);
    return links && `Made of ${links}.`;
  }

  #linksTo(uses, scope) {
    return [...uses]
      .filter(([, { id }]) => id !== scope?.id && this.#links.to(id))
      .map(([name, { id }]) => this.#link({ name, id }))
      .join(', ');
  }

  #type({ kind, type, code, uses }) {
    const text = oneLine(kind === 'property' ? type : code.join('; '));
    const linked = [...uses].filter(([, { id }]) => this.#links.to(id, this.#file));
    if (linked.length === 0 && !text.includes('`')) return `\`${text.replaceAll('|', '\\|')}\``;
    const names = new Map(
      linked.map(([name, { id }]) => [name, `[${name}](${this.#links.to(id, this.#file)})`]),
    );
    const html = text.replaceAll(/[<|*`]/g, (sign) => (sign === '<' ? '&lt;' : `\\${sign}`));
    return `<code>${html.replaceAll(/(?<![\w.'-])[A-Z]\w*(?![\w'-])/g, (word) => names.get(word) ?? word)}</code>`;
  }

  #code(codes) {
    return codes.length > 0
      ? `\`\`\`ts\n${codes.map((code) => this.#pretty.get(code)).join('\n')}\n\`\`\``
      : '';
  }

  #link({ name, id }) {
    return `[\`${name}\`](${this.#links.to(id, this.#file)})`;
  }

  #said(text, scope) {
    return text.replaceAll(/\{@link ([\w.]+)\}/g, (_, name) => {
      // What a class has from one that nobody can import is its own here.
      const names = [name, name.split('.').at(-1)];
      const known = names.find((each) => this.#links.byName(each, this.#file, scope));
      return known ? `[\`${known}\`](${this.#links.byName(known, this.#file, scope)})` : `\`${name}\``;
    });
  }

  #line(text, scope) {
    return this.#said(text, scope).replaceAll(/\s*\n\s*/g, ' ');
  }

  #cell(text, scope) {
    return cell(this.#said(text, scope));
  }
}

/** The page in words, by the last part of the name that has one. */
function guideTo(name) {
  const [, ...parts] = name.split('/');
  const guide = parts.reverse().find((part) => existsSync(`docs/${part}.md`)) ?? 'concepts';
  return guide ? ` In words: [${guide}](../${guide}.md).` : '';
}

function firstSentence(text) {
  return text.split(/(?<=[.!?])\s|\n\n/, 1)[0] ?? '';
}

function oneLine(code) {
  return code
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function cell(text) {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
