/** What the terminal clients of these examples share. */

import { Identity, SottoError } from 'sotto';

/** Control characters, which a terminal would obey, and invisible ones, which turn text around. */
const HARMFUL = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** What others wrote, safe to print. */
export function printable(text: unknown): string {
  return String(text).replaceAll('\t', ' ').replace(HARMFUL, '');
}

/** Safe to print, and on one line: nobody writes lines that look like somebody else's. */
export function oneLine(text: unknown): string {
  return printable(text).replaceAll('\n', ' ');
}

/** What was typed after the program's name, or how it is to be called. */
export function argumentsFor(usage: string, least: number): readonly string[] {
  const given = process.argv.slice(2);
  if (given.length >= least) return given;
  console.error(`Usage: ${usage}`);
  process.exit(2);
}

/** A sentence in place of a stack, for whoever is at a terminal. */
export function orLeave(error: Error): never {
  console.error(oneLine(error.message));
  process.exit(1);
}

/** The identity in a file, which is made the first time. */
export async function identityIn(file: string): Promise<Identity> {
  try {
    return await Identity.load(file);
  } catch (error) {
    if (!(error instanceof SottoError && error.code === 'key_file_missing')) throw error;
    const identity = Identity.generate();
    await identity.save(file);
    return identity;
  }
}
