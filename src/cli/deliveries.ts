/** `sotto deliveries`: what a broadcaster's delivery log says, also while the broadcaster runs. */

import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { styleText } from 'node:util';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { encodeHex, encodeUtf8, utf8OrNull } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { SqlValue } from '../platform/types.ts';
import {
  DELIVERY_STATUSES,
  type DeliveryQuery,
  type DeliveryStatus,
  type LoggedDelivery,
} from '../pubsub/operations/delivery-log.ts';
import { queryDeliveries, type ReadableDatabase } from '../pubsub/operations/delivery-table.ts';
import { wholeNumber } from './call.ts';
import { durationIn } from './duration.ts';
import { type OutputOptions, printJson, printLine } from './terminal.ts';

interface DeliveriesOptions extends OutputOptions {
  readonly topic?: string;
  readonly url?: string;
  readonly status?: DeliveryStatus;
  readonly since?: number;
  readonly before?: number;
  readonly limit: number;
}

const DEFAULT_LIMIT = 50;
/** Read at once. */
const PAGE = 1000;
/** Waiting for the broadcaster's transaction, ms. */
const BUSY_TIMEOUT = 5000;
/** Of a column in the table, characters; longer text is cut. */
const WIDEST = 48;

export function addDeliveriesCommand(program: Command): void {
  program
    .command('deliveries')
    .argument('<file>', 'the delivery log of a broadcaster')
    .description('list what became of deliveries, the newest first')
    .option('--topic <topic>', 'only this topic')
    .option('--url <url>', "only what went to this subscriber's url")
    .addOption(new Option('--status <status>', 'only what ended so').choices(DELIVERY_STATUSES))
    .option('--since <time>', 'not what is older: 30s, 15m, 1h, 7d, or a date', timeAgo)
    .option('--before <id>', 'only what was logged before this one: the next page', wholeNumber)
    .option('--limit <number>', 'how many', wholeNumber, DEFAULT_LIMIT)
    .option('--json', 'print JSON, a line each')
    .addHelpText('after', '\nExample:\n  sotto deliveries deliveries.db --status failed --since 1h')
    .action(deliveries);
}

function deliveries(file: string, options: DeliveriesOptions): void {
  const { rows, next } = read(file, options);
  if (options.json) {
    for (const row of rows) printJson(jsonOf(row));
    return;
  }
  if (rows.length === 0) process.stderr.write('No such deliveries.\n');
  else printTable(rows);
  if (next !== null) process.stderr.write(`There is more: --before ${next}\n`);
}

/** Page by page, up to the limit. */
function read(
  file: string,
  options: DeliveriesOptions,
): { readonly rows: readonly LoggedDelivery[]; readonly next: number | null } {
  const { topic, url, status, since, limit } = options;
  const wanted: DeliveryQuery = {
    ...(topic === undefined ? {} : { topic: encodeUtf8(topic) }),
    ...(url === undefined ? {} : { url }),
    ...(status === undefined ? {} : { status }),
    ...(since === undefined ? {} : { since }),
  };
  return withLog(file, (log) => {
    const rows: LoggedDelivery[] = [];
    let next: number | null | undefined = options.before;
    while (next !== null && rows.length < limit) {
      const before = next === undefined ? {} : { before: next };
      const page = queryDeliveries(log, {
        ...wanted,
        ...before,
        limit: Math.min(PAGE, limit - rows.length),
      });
      rows.push(...page.deliveries);
      next = page.next;
    }
    return { rows, next: next ?? null };
  });
}

/** @throws SottoError `file_unreadable`, `file_invalid`. */
function withLog<T>(file: string, work: (log: ReadableDatabase) => T): T {
  if (!existsSync(file)) throw new SottoError('file_unreadable', `There is no delivery log at ${file}.`);
  const database = openReadOnly(file);
  try {
    return work({
      prepare: (sql) => ({
        all: (...values) => database.prepare(sql).all(...values) as Record<string, SqlValue>[],
      }),
    });
  } catch (cause) {
    throw new SottoError('file_invalid', `${file} is no delivery log: ${messageOf(cause)}`, { cause });
  } finally {
    database.close();
  }
}

function openReadOnly(file: string): DatabaseSync {
  // Loaded when first wanted: early releases of Node 24 print a warning for it, which no other command deserves.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  try {
    return new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT });
  } catch (cause) {
    throw new SottoError('file_unreadable', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function jsonOf({ topic, identifier, at, ...rest }: LoggedDelivery): object {
  return {
    ...rest,
    at: new Date(at).toISOString(),
    topic: utf8OrNull(topic),
    topicHex: encodeHex(topic),
    identifier: encodeHex(identifier),
  };
}

function printTable(rows: readonly LoggedDelivery[]): void {
  const head = ['id', 'time', 'status', 'topic', 'url', 'subscribers', 'tries', 'ms', 'bytes', 'why'];
  const numbers = new Set(['id', 'subscribers', 'tries', 'ms', 'bytes']);
  const cells = rows.map(cellsOf);
  const widths = head.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        numbers.has(head[column] ?? '')
          ? cell.padStart(widths[column] ?? 0)
          : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  printLine(styleText('dim', line(head)));
  for (const row of cells) printLine(line(row));
}

function cellsOf(row: LoggedDelivery): readonly string[] {
  const { id, at, status, topic, url, subscribers, tries, duration, bytes, why } = row;
  return [
    String(id),
    localTime(at),
    status,
    cut(utf8OrNull(topic) ?? `0x${encodeHex(topic)}`),
    cut(url),
    ...[subscribers, tries, duration, bytes].map(String),
    printable(why),
  ];
}

/** As in `2026-01-31 07:05:09`, here. */
function localTime(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19).replace('T', ' ');
}

function cut(text: string): string {
  const shown = printable(text);
  return shown.length > WIDEST ? `${shown.slice(0, WIDEST - 1)}…` : shown;
}

/** Topics and urls are strangers' words: none of them moves the cursor, or pretends to be another line. */
function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** ms since 1970. */
function timeAgo(text: string): number {
  const ago = durationIn(text);
  if (ago !== null) return Date.now() - ago;
  const date = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(date)) throw new InvalidArgumentError('It must be like 30s, 15m, 1h, 7d or 2026-01-31.');
  return date;
}
