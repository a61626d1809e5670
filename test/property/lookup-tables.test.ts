/** Tables over a file's bytes: what an edit patches is what reading anew would give, for any edit. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { SottoError } from '../../src/errors.ts';
import { ByteTable, type SearchEngine } from '../../src/lookup/table/byte-table.ts';
import { fold } from '../../src/lookup/table/fold.ts';
import {
  buildImage,
  type ImageDescription,
  keyLocator,
  patchImage,
  type TableImage,
} from '../../src/lookup/table/image.ts';
import { buildOrder, keyText, patchOrder } from '../../src/lookup/table/key-order.ts';
import { MapTable } from '../../src/lookup/table/map-table.ts';
import { formatOf } from '../../src/lookup/table/row-format.ts';
import { scanImage } from '../../src/lookup/table/search.ts';
import type { Search } from '../../src/lookup/table/table.ts';

const HEADED: ImageDescription = { kind: 'csv', delimiter: ',', headed: true, keys: ['name', 'place'] };
const PLAIN: ImageDescription = { kind: 'csv', delimiter: ',', headed: false, keys: [0, -1] };
const LINES: ImageDescription = { kind: 'jsonl', delimiter: '', headed: false, keys: ['name', 'place'] };

function locatorOf(image: TableImage): ReturnType<typeof keyLocator> {
  return keyLocator(image, formatOf(image.description, image.bytes), image.description.keys[0] ?? 0);
}

const engine: SearchEngine = {
  order: async (image) => buildOrder(image.starts.length, locatorOf(image)),
  scan: async (image, search) => scanImage(image, search),
};

function tableOf(image: TableImage): ByteTable<unknown> {
  return new ByteTable(image, engine);
}

/** Everything a table can say, by both of its keys. */
function said(image: TableImage): unknown {
  const table = tableOf(image);
  const second = table.by(image.description.keys[1] ?? 0);
  return [table, second].map((each) => ({
    size: each.size,
    entries: [...each],
    all: [...each.keys()].map((key) => each.all(key)),
  }));
}

const keys = fc.constantFrom('a', 'b', 'c', 'dd', '"e"', '"f,g"', '"h""i"', 'é', '');
const row = fc.tuple(keys, keys, keys).map((fields) => fields.join(','));
const line = fc.oneof(
  { weight: 8, arbitrary: row },
  { weight: 1, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constant('a,"b\nc",d') },
);
const jsonLine = fc
  .record({
    name: fc.oneof(fc.string({ maxLength: 3 }), fc.integer({ max: 9, min: 0 })),
    place: fc.constantFrom('x', 'y'),
  })
  .map((value) => JSON.stringify(value));

interface Edit {
  readonly at: number;
  readonly removed: number;
  readonly added: readonly string[];
}

function edits(lines: fc.Arbitrary<string>): fc.Arbitrary<Edit> {
  return fc.record({
    at: fc.nat({ max: 40 }),
    removed: fc.nat({ max: 3 }),
    added: fc.array(lines, { maxLength: 3 }),
  });
}

function edited(lines: readonly string[], { at, removed, added }: Edit): string[] {
  return lines.toSpliced(at % (lines.length + 1), removed, ...added);
}

const CASES = [
  { name: 'CSV with a header', description: HEADED, lines: line, head: 'name,place,note\n' },
  { name: 'CSV without one', description: PLAIN, lines: line, head: '' },
  { name: 'JSON Lines', description: LINES, lines: jsonLine, head: '' },
];

for (const { name, description, lines, head } of CASES) {
  describe(name, () => {
    const files = fc.array(lines, { minLength: 1, maxLength: 30 });
    const textOf = (rows: readonly string[], isEnded: boolean): string => {
      const text = head + rows.join('\n');
      return isEnded ? `${text}\n` : text;
    };

    test('an edit patches the image to what reading anew gives', () => {
      fc.assert(
        fc.property(
          files,
          fc.array(edits(lines), { minLength: 1, maxLength: 4 }),
          fc.boolean(),
          (rows, changes, end) => {
            let current = rows;
            let image: TableImage;
            try {
              image = buildImage(encodeUtf8(textOf(current, end)), description);
            } catch (error) {
              return assert.ok(error instanceof SottoError); // such as a first row that has no such column
            }
            let order = buildOrder(image.starts.length, locatorOf(image));
            for (const change of changes) {
              current = edited(current, change);
              const bytes = encodeUtf8(textOf(current, end));
              const patched = patchImage(image, bytes);
              let rebuilt: TableImage;
              try {
                rebuilt = buildImage(bytes, description);
              } catch (error) {
                return assert.ok(error instanceof SottoError);
              }
              if (patched) {
                assert.deepEqual(said(patched.image), said(rebuilt));
                const next = patchOrder(order, patched.change, locatorOf(patched.image));
                const texts = (rows: Iterable<number>, of: TableImage): string[] =>
                  Array.from(rows, (each) => fold(keyText(each, locatorOf(of)) ?? ''));
                const anew = buildOrder(rebuilt.starts.length, locatorOf(rebuilt));
                assert.deepEqual(texts(next, patched.image), texts(anew, rebuilt));
                order = next;
                image = patched.image;
              } else {
                image = rebuilt;
                order = buildOrder(image.starts.length, locatorOf(image));
              }
            }
          },
        ),
        { numRuns: 500 },
      );
    });

    const like = fc
      .array(fc.constantFrom(...'"",\r\n\t;ab{}[]:1'), { maxLength: 60 })
      .map((characters) => encodeUtf8(characters.join('')));

    test('arbitrary bytes are read or refused', () => {
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), like), (bytes) => {
          try {
            said(buildImage(bytes, description));
          } catch (error) {
            assert.ok(error instanceof SottoError, String(error));
          }
        }),
        { numRuns: 1000 },
      );
    });
  });
}

/** Every page, by one row at a time, so that each mark is gone through. */
async function paged(
  table: { search(search: Search): Promise<{ keys: readonly string[]; next: string | null }> },
  search: Omit<Search, 'limit'>,
  limit: number,
): Promise<string[]> {
  const found: string[] = [];
  let after: string | null | undefined;
  do {
    const page = await table.search({ ...search, limit, ...(after ? { after } : {}) });
    found.push(...page.keys);
    after = page.next;
  } while (after !== null);
  return found;
}

describe('searching', () => {
  const searches = fc.record({
    match: fc.constantFrom('exact' as const, 'fold' as const, 'prefix' as const, 'contains' as const),
    text: fc.constantFrom('a', 'A', 'd', 'É', 'h"', ''),
  });

  test('pages of any size give the same keys, each once, as a table of values does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 30 }),
        searches,
        fc.integer({ min: 1, max: 5 }),
        async (rows, search, limit) => {
          const image = buildImage(encodeUtf8(`name,place,note\n${rows.join('\n')}\n`), HEADED);
          const table = tableOf(image);
          const inPages = await paged(table, search, limit);
          assert.deepEqual(inPages, await paged(table, search, 1000));
          const values = [...image.starts].map((start) =>
            formatOf(HEADED, image.bytes).row(image.bytes, start),
          );
          const map = await MapTable.of(values, ['name'], ['name', 'place', 'note']);
          const unique = (keys: readonly string[]): string[] => [...new Set(keys)].sort();
          assert.deepEqual(unique(inPages), unique(await paged(map, search, limit)));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('whatever a stranger says the next page begins with', async () => {
    const rows = ['a,1', 'b,2', 'c,3'];
    const image = buildImage(encodeUtf8(`name,place\n${rows.join('\n')}\n`), HEADED);
    const values = rows.map((text) => ({ name: text[0], place: text[2] }));
    const tables = [tableOf(image), await MapTable.of(values, ['name'], ['name', 'place'])];
    const marks = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '-1',
        '-1e15',
        '1e308',
        'Infinity',
        'NaN',
        '0.5',
        '2:b',
        '-9:a',
        '99999999999999999999:z',
      ),
    );
    await fc.assert(
      fc.asyncProperty(marks, searches, fc.constantFrom('name', 'place'), async (after, search, column) => {
        for (const table of tables) {
          const { keys } = await table.search({ ...search, column, limit: 2, after });
          assert.ok(keys.length <= 2);
        }
      }),
    );
  });
});
