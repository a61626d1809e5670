// Lays out declarations as the house lays out code: all at once, since each start of the formatter costs more than its work.

import { spawnSync } from 'node:child_process';

const MARK = '// §';

/** @returns each of these declarations laid out, by how it was. */
export function prettified(declarations, members) {
  const codes = [...declarations, ...members];
  const source = [
    ...declarations.map((code) => `${MARK}\n${/^type |^interface /.test(code) ? '' : 'declare '}${code};`),
    `declare class Members {\n${members.map((code) => `${MARK}\n${code};`).join('\n')}\n}\n`,
  ].join('\n');
  const { stdout, stderr, status } = spawnSync(
    'node_modules/.bin/biome',
    ['format', '--stdin-file-path=a.d.ts'],
    {
      input: source,
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`The declarations could not be laid out: ${stderr}`);
  const [, ...pieces] = stdout.replace(/\}\s*$/, '').split(/^[ ]*\/\/ §\n/m);
  return new Map(pieces.map((piece, index) => [codes[index], undented(piece)]));
}

function undented(piece) {
  const text = piece
    .replace(/\ndeclare class Members \{\n*$/, '')
    .replace(/^declare /, '')
    .trimEnd();
  const [margin = ''] = text.match(/^ */) ?? [];
  return text.replaceAll(new RegExp(`^${margin}`, 'gm'), '').replace(/;$/, '');
}
