/**
 * Comma-separated values as Python's csv module reads them (RFC 4180, and what people write instead), on bytes.
 *
 * A quote opens a field only at its start; what follows the closing quote is taken as it is; rows end with LF, CRLF or
 * CR; blank lines are no rows. Offsets are of a whole file, so that a row can be found without reading what is before.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { decodeUtf8 } from '../../bytes/text.ts';

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/** One field of a row: the bytes from `start` to `end`, quotes and all. */
export interface Field {
  readonly start: number;
  readonly end: number;
}

/** The first row at or after `offset`, past blank lines; the length of the file where there is none. */
export function rowAt(bytes: Bytes, offset: number): number {
  let at = offset;
  while (bytes[at] === LF || bytes[at] === CR) at += 1;
  return at;
}

/** Where the row that starts at `start` ends: its line end, or the end of the file. */
export function endOfRow(bytes: Bytes, start: number, delimiter: number): number {
  let at = start;
  for (;;) {
    at = endOfField(bytes, at, delimiter);
    if (bytes[at] !== delimiter) return at;
    at += 1;
  }
}

/** The delimiter, the line end or the end of the file that ends the field at `start`. */
export function endOfField(bytes: Bytes, start: number, delimiter: number): number {
  const { length } = bytes;
  let at = bytes[start] === QUOTE ? afterQuotes(bytes, start) : start;
  for (; at < length; at++) {
    const byte = bytes[at];
    if (byte === delimiter || byte === LF || byte === CR) return at;
  }
  return length;
}

/** What follows the closing quote; past the end of the file where there is none. */
function afterQuotes(bytes: Bytes, start: number): number {
  let at = start + 1;
  for (;;) {
    at = bytes.indexOf(QUOTE, at);
    if (at === -1) return bytes.length + 1;
    if (bytes[at + 1] !== QUOTE) return at + 1;
    at += 2;
  }
}

/** Where each field of the row at `start` lies. */
export function fieldsOf(bytes: Bytes, start: number, delimiter: number): Field[] {
  const fields: Field[] = [];
  let at = start;
  for (;;) {
    const end = endOfField(bytes, at, delimiter);
    fields.push({ start: at, end });
    if (bytes[end] !== delimiter) return fields;
    at = end + 1;
  }
}

/** The texts of the row at `start`. */
export function readRow(bytes: Bytes, start: number, delimiter: number): string[] {
  const fields = fieldsOf(bytes, start, delimiter);
  const end = fields.at(-1)?.end ?? start;
  const row = decodeUtf8(bytes.subarray(start, end));
  // One character for each byte, as in most rows: one decoding serves all fields.
  if (row.length !== end - start) return fields.map((field) => fieldText(bytes, field));
  return fields.map((field) => {
    const text = row.slice(field.start - start, field.end - start);
    return isQuoted(bytes, field.start) ? unquoted(text) : text;
  });
}

/** Whether the row at `start` opens a quote and never closes it. */
export function isUnclosed(bytes: Bytes, start: number, delimiter: number): boolean {
  return fieldsOf(bytes, start, delimiter).some(
    (field) => bytes[field.start] === QUOTE && afterQuotes(bytes, field.start) > bytes.length,
  );
}

/** What a field says. */
export function fieldText(bytes: Bytes, { start, end }: Field): string {
  const text = decodeUtf8(bytes.subarray(start, end));
  return isQuoted(bytes, start) ? unquoted(text) : text;
}

export function isQuoted(bytes: Bytes, start: number): boolean {
  return bytes[start] === QUOTE;
}

/** Whether a quoted field says just what stands between its quotes. */
export function isSimplyQuoted(bytes: Bytes, { start, end }: Field): boolean {
  for (let at = start + 1; at < end - 1; at++) {
    if (bytes[at] === QUOTE || bytes[at] === CR) return false;
  }
  return end - start > 1 && bytes[end - 1] === QUOTE;
}

/** A text as a field: quoted where it must be, or where `quoted` asks for it. */
export function writeField(text: string, delimiter: string, quoted: boolean): string {
  const must = text.includes(delimiter) || /["\r\n]/.test(text) || (text !== '' && text.trim() !== text);
  return must || quoted ? `"${text.replaceAll('"', '""')}"` : text;
}

function unquoted(text: string): string {
  let said = '';
  let at = 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return lineEndsAsRead(said + text.slice(at)); // never closed
    said += text.slice(at, quote);
    if (text[quote + 1] !== '"') return lineEndsAsRead(said) + text.slice(quote + 1);
    said += '"';
    at = quote + 2;
  }
}

/** Python opens files with universal line ends: within quotes too a line ends with LF. */
function lineEndsAsRead(text: string): string {
  return text.includes('\r') ? text.replaceAll(/\r\n?/g, '\n') : text;
}
