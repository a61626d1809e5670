/** Rows as Python's csv module reads them, and its json module JSON: one child process is asked everything. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { endOfRow, readRow, rowAt } from '../../src/lookup/table/csv.ts';
import { askPython } from '../support/ask-python.ts';

const SEED = 20261121;

/** As the original opens its files: universal line ends, the default dialect, blank lines dropped by the caller. */
const PYTHON = `
import csv, io, json, sys
for line in sys.stdin:
    text, delimiter = json.loads(line)
    file = io.TextIOWrapper(io.BytesIO(text.encode()), encoding='utf-8')
    try:
        rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    except csv.Error as error:
        rows = str(error)
    print(json.dumps(rows))
`;

function rowsOf(text: string, delimiter: string): string[][] {
  const bytes = encodeUtf8(text);
  const code = delimiter.charCodeAt(0);
  const rows: string[][] = [];
  for (let at = rowAt(bytes, 0); at < bytes.length; at = rowAt(bytes, endOfRow(bytes, at, code))) {
    rows.push(readRow(bytes, at, code));
  }
  return rows;
}

test('any text gives the rows that Python reads', () => {
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('"', '""', ',', '\n', '\r\n', '\r', '\t', ';', 'a', 'é', ' ') },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 3 }) },
  );
  const texts = fc.tuple(
    fc.array(piece, { maxLength: 25 }).map((parts) => parts.join('')),
    fc.constantFrom(',', '\t', ';'),
  );
  // Python's reader knows no NUL, and lone halves of a pair are no text.
  const samples = fc
    .sample(texts, { seed: SEED, numRuns: 5000 })
    .filter(([text]) => text.isWellFormed() && !text.includes('\0'));
  const expected = askPython(PYTHON, samples);
  for (const [index, [text, delimiter]] of samples.entries()) {
    assert.deepEqual(rowsOf(text, delimiter), expected[index], JSON.stringify([text, delimiter]));
  }
});
