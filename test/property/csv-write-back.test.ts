/** Writing rows back: arbitrary tables, arbitrary changes; what was not touched keeps its bytes. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8 } from '../../src/bytes/text.ts';
import { StatusError } from '../../src/errors.ts';
import { ByteTable, type SearchEngine } from '../../src/lookup/table/byte-table.ts';
import { buildImage, type ImageDescription, type TableImage } from '../../src/lookup/table/image.ts';
import type { Edited, RowUpdate } from '../../src/lookup/write/change.ts';
import { editCsv } from '../../src/lookup/write/csv-edit.ts';
import { editJson, editJsonLines } from '../../src/lookup/write/json-edit.ts';

const NO_ENGINE: SearchEngine = {
  order: () => assert.fail('nothing is searched here'),
  scan: () => assert.fail('nothing is searched here'),
};

type Style = 'minimal' | 'quoted' | 'mixed';

interface CsvFile {
  readonly text: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const word = fc.oneof(
  fc.stringMatching(/^[a-z]{1,4}$/),
  fc.string({ maxLength: 6 }),
  fc.constantFrom('', '"', '""', ',', ';', ' a ', 'a\nb', '\n', 'é', '😀', '=1+1', "it's"),
);
/** What CSV can hold: no carriage return, which readers take for a line end; whole characters; no mark at the front. */
const field = word.map((text) => text.replaceAll(/[\r\ufeff]/g, '').toWellFormed());
const key = fc.constantFrom('a', 'b', 'c', 'd e', 'f"g', 'h,i', '');

function csvField(text: string, style: Style, salt: number, delimiter: string): string {
  const must = text.includes(delimiter) || /["\n]/.test(text) || text.trim() !== text;
  const wants = style === 'quoted' || (style === 'mixed' && salt % 2 === 0);
  return must || wants ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvFile(delimiter: string, headed: boolean): fc.Arbitrary<CsvFile> {
  return fc
    .record({
      width: fc.integer({ min: 2, max: 4 }),
      keys: fc.array(key, { maxLength: 6 }),
      fields: fc.array(field, { minLength: 24, maxLength: 24 }),
      style: fc.constantFrom<Style>('minimal', 'quoted', 'mixed'),
      lineEnd: fc.constantFrom('\n', '\r\n'),
      isEnded: fc.boolean(),
      mark: fc.constantFrom('', '\ufeff'),
      blank: fc.boolean(),
    })
    .map(({ width, keys, fields, style, lineEnd, isEnded, mark, blank }) => {
      const columns = ['name', 'place', 'count', 'note'].slice(0, width);
      const rows = keys.map((each, row) => [each, ...fields.slice(4 * row, 4 * row + width - 1)]);
      const lines = [...(headed ? [columns] : []), ...rows].map((row, number) =>
        row.map((text, column) => csvField(text, style, number + column, delimiter)).join(delimiter),
      );
      const body = lines.join(blank ? lineEnd + lineEnd : lineEnd);
      return { text: mark + body + (isEnded && body !== '' ? lineEnd : ''), columns, rows };
    });
}

function imageOf(text: string, delimiter: string, headed: boolean): TableImage {
  const description: ImageDescription = { kind: 'csv', delimiter, headed, keys: [headed ? 'name' : 0] };
  return buildImage(encodeUtf8(text), description);
}

function tableOf(image: TableImage): ByteTable<unknown> {
  return new ByteTable(image, NO_ENGINE);
}

function allRows(table: ByteTable<unknown>): unknown[] {
  return [...new Set(table.keys())].flatMap((each) => table.all(each));
}

/** Null where the change is refused. */
function edited(image: TableImage, name: string, update: RowUpdate): Edited | null {
  try {
    return editCsv(image, tableOf(image).rowNumbers(name), name, update);
  } catch (error) {
    assert.ok(error instanceof StatusError && error.status === 400, String(error));
    return null;
  }
}

/** Lines of the file, as text. */
function linesAround(before: string, after: string): { first: number; last: number } {
  let first = 0;
  while (first < before.length && first < after.length && before[first] === after[first]) first += 1;
  let last = 0;
  const most = Math.min(before.length, after.length) - first;
  while (last < most && before.at(-1 - last) === after.at(-1 - last)) last += 1;
  return { first, last };
}

for (const [delimiter, headed] of [
  [',', true],
  [',', false],
  ['\t', true],
  [';', false],
] as const) {
  describe(`a table with ${headed ? 'a header' : 'no header'} and ${JSON.stringify(delimiter)}`, () => {
    const files = csvFile(delimiter, headed);

    test('a change of one row leaves every other row, and every byte of them, as it was', () => {
      fc.assert(
        fc.property(files, key, fc.integer({ min: 1, max: 3 }), field, (file, name, column, text) => {
          const image = imageOf(file.text, delimiter, headed);
          const before = tableOf(image);
          const change = { [headed ? (file.columns[column] ?? 'place') : column]: text };
          const result = edited(image, name, change);
          if (result === null) return;
          const after = tableOf(imageOf(decodeUtf8(result.bytes), delimiter, headed));
          const row = after.get(name) as Record<string, string>;
          assert.deepEqual(row, result.row);
          assert.equal(Object.values(change)[0], row[Object.keys(change)[0] ?? '']);
          for (const other of before.keys()) {
            if (other !== name) assert.deepEqual(after.all(other), before.all(other));
          }
          assert.deepEqual(
            after.all(name).slice(0, -1),
            before.all(name).slice(0, before.has(name) ? -1 : 0),
          );
          const { first, last } = linesAround(file.text, decodeUtf8(result.bytes));
          const touched = file.text.slice(first, file.text.length - last);
          const rowText = before.has(name) ? textOfRow(image, before.rowNumbers(name).at(-1) ?? 0) : '';
          assert.ok(rowText.includes(touched), `${JSON.stringify(touched)} is more than one row`);
        }),
        { numRuns: 400 },
      );
    });

    test('writing what is there already changes nothing', () => {
      fc.assert(
        fc.property(files, key, (file, name) => {
          const image = imageOf(file.text, delimiter, headed);
          const row = tableOf(image).get(name);
          if (row === undefined) return;
          const result = editCsv(image, tableOf(image).rowNumbers(name), name, row as RowUpdate);
          assert.equal(decodeUtf8(result.bytes), file.text);
        }),
      );
    });

    test('a new row comes last, and removing it restores the file', () => {
      fc.assert(
        fc.property(files, field, field, (file, name, text) => {
          const image = imageOf(file.text, delimiter, headed);
          if (tableOf(image).has(name) || (file.rows.length === 0 && !headed)) return;
          const added = edited(image, name, { [headed ? 'place' : 1]: text });
          assert.ok(added);
          const after = imageOf(decodeUtf8(added.bytes), delimiter, headed);
          assert.deepEqual(allRows(tableOf(after)).at(-1), added.row);
          assert.equal(tableOf(after).size, tableOf(image).size + 1);
          const removed = editCsv(after, tableOf(after).rowNumbers(name), name, null);
          const withoutEnd = (each: string): string => each.replace(/[\r\n]+$/, '');
          assert.equal(withoutEnd(decodeUtf8(removed.bytes)), withoutEnd(file.text));
        }),
      );
    });

    test('removing a key removes all rows that have it, and no other', () => {
      fc.assert(
        fc.property(files, key, (file, name) => {
          const image = imageOf(file.text, delimiter, headed);
          const before = tableOf(image);
          const result = editCsv(image, before.rowNumbers(name), name, null);
          const after = tableOf(imageOf(decodeUtf8(result.bytes), delimiter, headed));
          assert.equal(after.has(name), false);
          assert.equal(after.size, before.size - before.all(name).length);
          for (const other of after.keys()) assert.deepEqual(after.all(other), before.all(other));
        }),
      );
    });
  });
}

function textOfRow(image: TableImage, row: number): string {
  const start = image.starts[row] ?? 0;
  const end = image.starts[row + 1] ?? image.bytes.length;
  return decodeUtf8(image.bytes.subarray(start, end));
}

test('what a file cannot hold is refused with a reason', () => {
  const image = imageOf('name,place\na,b\n', ',', true);
  const refusals: readonly (readonly [RowUpdate, RegExp])[] = [
    [{ colour: 'x' }, /no column "colour"; it has the columns name, place/],
    [{ name: 'other' }, /key of a row cannot be changed/],
    [{ place: ['x'] }, /A field takes text/],
    [{ place: '\ud800' }, /A field takes text/],
    [['a', 'b'], /columns of this file have names/],
  ];
  for (const [update, text] of refusals) {
    assert.throws(() => editCsv(image, [0], 'a', update), {
      name: 'StatusError',
      status: 400,
      message: text,
    });
  }
});

test('an empty file that should have a header is left empty', () => {
  const image = imageOf('', ',', true);
  assert.throws(() => editCsv(image, [], 'a', { place: 'b' }), { status: 400, message: /needs its header/ });
});

const json = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), fc.jsonValue({ maxDepth: 1 }), {
  noNullPrototype: true,
});
const jsonValue = fc.jsonValue({ maxDepth: 1 });

describe('JSON', () => {
  test('one member changes, in the document’s own manner of writing', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('x', 'y', 'z'), json, { noNullPrototype: true }),
        fc.constantFrom('x', 'y', 'z'),
        fc.constantFrom('a', 'b'),
        jsonValue,
        fc.constantFrom(undefined, 2, '\t'),
        (document, name, column, value, indent) => {
          const text = `${JSON.stringify(document, null, indent)}\n`;
          const { bytes, row } = editJson(encodeUtf8(text), null, name, { [column]: value });
          const after = JSON.parse(decodeUtf8(bytes));
          const expected = { ...document, [name]: { ...document[name], [column]: value } };
          assert.deepEqual(after, JSON.parse(JSON.stringify(expected)));
          assert.deepEqual(JSON.parse(JSON.stringify(row)), after[name]);
          if (indent !== undefined && Object.keys(document).length > 0) {
            assert.equal(decodeUtf8(bytes).split('\n').length > 2, true);
          }
        },
      ),
    );
  });

  test('rows in an array are found by their key, changed, added and removed', () => {
    const text = '[\n  { "name": "drill", "place": "shed" },\n  { "name": "saw", "size": 1.0 }\n]\n';
    const edit = (name: string, update: RowUpdate): string =>
      decodeUtf8(editJson(encodeUtf8(text), 'name', name, update).bytes);
    assert.equal(edit('drill', { place: 'attic' }), text.replace('shed', 'attic'));
    assert.deepEqual(JSON.parse(edit('axe', { size: 3 })).at(-1), { name: 'axe', size: 3 });
    assert.ok(edit('axe', { size: 3 }).includes('1.0'), 'numbers keep their digits');
    assert.deepEqual(JSON.parse(edit('drill', null)), [{ name: 'saw', size: 1 }]);
    assert.throws(() => edit('drill', { name: 'axe' }), { status: 400 });
  });

  test('lines change one at a time', () => {
    const lines = '{"name": "a", "n": 1.0}\r\n\r\n{"name": "b", "n": 2}\r\n';
    const description: ImageDescription = { kind: 'jsonl', delimiter: '', headed: false, keys: ['name'] };
    const image = buildImage(encodeUtf8(lines), description);
    const edit = (name: string, update: RowUpdate): string =>
      decodeUtf8(editJsonLines(image, tableOf(image).rowNumbers(name), name, update).bytes);
    assert.equal(edit('a', { n: 5 }), lines.replace('1.0', '5'));
    assert.equal(edit('b', null), '{"name": "a", "n": 1.0}\r\n\r\n');
    assert.equal(edit('c', { n: [1] }), `${lines}{"name":"c","n":[1]}\r\n`);
  });
});
