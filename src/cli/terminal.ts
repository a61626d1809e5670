/** Everything the commands print: one place, one manner. Answers go to stdout, the rest to stderr. */

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { codeOf, messageOf, SottoError } from '../errors.ts';

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

const BAR_WIDTH = 30;

export interface OutputOptions {
  /** One line of JSON in place of text for people. */
  readonly json?: boolean;
}

/** Aligned lines of `name  value`; as JSON one object. */
export function printFields(fields: Readonly<Record<string, string>>, { json }: OutputOptions): void {
  if (json) return printJson(fields);
  const width = Math.max(...Object.keys(fields).map((name) => name.length));
  for (const [name, value] of Object.entries(fields)) {
    process.stdout.write(`${styleText('dim', name.padEnd(width))}  ${value}\n`);
  }
}

/** A reply's value, as it is most useful: text and bytes as they are, the rest as JSON. */
export function printValue(value: unknown, { json }: OutputOptions): void {
  if (json) return printJson({ ok: true, value });
  if (value === undefined) return;
  if (value instanceof Uint8Array) {
    process.stdout.write(value);
    if (process.stdout.isTTY) process.stdout.write('\n');
    return;
  }
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value, jsonSafe, 2)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, jsonSafe)}\n`);
}

/** One sentence on stderr; with `json` also an object on stdout. */
export function printError(error: unknown, { json }: OutputOptions): void {
  if (json) printJson({ ok: false, code: codeOf(error), message: messageOf(error) });
  process.stderr.write(`${styleText('red', 'sotto:', { stream: process.stderr })} ${messageOf(error)}\n`);
}

/** What a person should know, and no program: on stderr. */
export function printNote(text: string): void {
  process.stderr.write(`${styleText('dim', 'sotto:', { stream: process.stderr })} ${text}\n`);
}

/** A bar on stderr while something takes long; nothing where nobody looks on. */
export function showProgress(label: string, done: number, total: number): void {
  if (!process.stderr.isTTY) return;
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const bar = '█'.repeat(Math.round(part * BAR_WIDTH)).padEnd(BAR_WIDTH, '·');
  process.stderr.write(`\r${label} ${bar} ${String(Math.round(100 * part)).padStart(3)} %\u001b[K`);
}

/** Takes the bar away. */
export function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
}

/**
 * The passphrase of a key file: from the variable SOTTO_PASSPHRASE, else asked for on the terminal without echo.
 *
 * @throws SottoError `passphrase_required` where nobody can be asked.
 */
export async function readPassphrase(prompt: string): Promise<string> {
  const given = process.env.SOTTO_PASSPHRASE;
  if (given !== undefined) return given;
  if (!process.stdin.isTTY) {
    throw new SottoError(
      'passphrase_required',
      'A passphrase is needed: set SOTTO_PASSPHRASE, or use a terminal.',
    );
  }
  process.stderr.write(prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await new Promise<string>((resolve) => terminal.question('', resolve));
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}

/** What JSON has no word for, in the words people would choose. */
function jsonSafe(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}
