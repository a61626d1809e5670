/** Every link of the docs that stays in the repository leads somewhere: to a file, and to a heading of it. */

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const PAGES = globSync(['*.md', 'docs/**/*.md']);

const anchors = new Map(PAGES.map((page) => [normalize(page), anchorsOf(proseOf(page))]));

test('links lead to files and headings that there are', () => {
  const links = PAGES.flatMap((page) => linksOf(page).map((href) => ({ page, href })));
  assert.ok(links.length > 500, `${links.length} links`);
  const broken = links.filter(({ page, href }) => !leadsSomewhere(page, href));
  assert.deepEqual(broken, []);
});

test('every page can be reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    for (const href of linksOf(page)) {
      const [file = ''] = href.split('#');
      const target = normalize(join(dirname(page), file));
      if (anchors.has(target)) reached.add(target);
      const inside = PAGES.filter((each) => file !== '' && dirname(each) === target);
      for (const each of inside) reached.add(each); // GitHub lists what is in a folder
    }
  }
  assert.deepEqual(
    PAGES.filter((page) => page.startsWith('docs/') && !reached.has(page)),
    [],
  );
});

test('headings get the anchors that GitHub gives them', () => {
  const prose = '# The `once`: at most once\n\n## A\n\n## A\n\n### Signed.u8 & co_2\n';
  assert.deepEqual([...anchorsOf(prose)], ['the-once-at-most-once', 'a', 'a-1', 'signedu8--co_2']);
});

function leadsSomewhere(page: string, href: string): boolean {
  const [file = '', anchor] = href.split('#');
  const target = file === '' ? normalize(page) : normalize(join(dirname(page), file));
  if (!existsSync(target)) return false;
  return anchor === undefined || (anchors.get(target)?.has(anchor) ?? false);
}

/** Of links and images in the text; those to other sites are not ours to check. */
function linksOf(page: string): readonly string[] {
  const prose = proseOf(page).replaceAll(/(`+).*?\1/g, (code) => (code.includes('](') ? '' : code));
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, href = '']) => href)
    .filter((href) => !/^[a-z]+:/.test(href));
}

/** Without what stands in fences: code has brackets of its own. */
function proseOf(page: string): string {
  return readFileSync(page, 'utf8').replaceAll(/^(`{3,})[\s\S]*?^\1$/gm, '');
}

function anchorsOf(prose: string): ReadonlySet<string> {
  const taken = new Map<string, number>();
  const slugs = [...prose.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    const count = taken.get(slug) ?? 0;
    taken.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  return new Set(slugs);
}
