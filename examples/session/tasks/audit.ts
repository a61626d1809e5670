/** Who may run tasks, and who has run what. */

import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { PublicKey } from 'sotto';

/** Name by fingerprint. A line of the file is `sotto1… NAME`; it is read anew each time, so that who is struck out is out. */
export function operatorsIn(file: string): ReadonlyMap<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n');
  const entries = lines.map((line) => line.trim().split(/\s+/)).filter(([key = '']) => /^[^#]/.test(key));
  return new Map(entries.map(([key = '', name = 'unnamed']) => [PublicKey.from(key).fingerprint, name]));
}

/** Adds a line to a file that only its owner reads; it is on disk when that is done. */
export type Audit = (entry: Readonly<Record<string, unknown>>) => Promise<void>;

export async function auditIn(file: string): Promise<Audit> {
  const log = await open(file, 'a', 0o600);
  await log.chmod(0o600); // it may have been there before
  return async (entry) => {
    await log.appendFile(`${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`);
    await log.datasync();
  };
}
