/** The last warnings and errors of a log, for whoever did not look at it in time. */

import type { Logger } from '../app/message.ts';
import { cutText } from '../bytes/text.ts';
import { messageOf } from '../errors.ts';

export interface LogLine {
  /** ms since 1970. */
  readonly at: number;
  readonly level: 'warn' | 'error';
  readonly text: string;
}

const KEPT = 200;
const MAX_TEXT = 1000;

/** Hands everything on to another log. */
export class LogTail implements Logger {
  readonly #log: Logger;
  #lines: readonly LogLine[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The oldest first. */
  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  debug(fields: object, text: string): void {
    this.#log.debug(fields, text);
  }

  info(fields: object, text: string): void {
    this.#log.info(fields, text);
  }

  warn(fields: object, text: string): void {
    this.#log.warn(fields, text);
    this.#keep('warn', fields, text);
  }

  error(fields: object, text: string): void {
    this.#log.error(fields, text);
    this.#keep('error', fields, text);
  }

  #keep(level: LogLine['level'], fields: object, text: string): void {
    const line = { at: Date.now(), level, text: cutText(`${text}${shown(fields)}`, MAX_TEXT) };
    this.#lines = [...this.#lines.slice(1 - KEPT), line];
  }
}

/** ` (name: value, …)`; empty for no fields. */
function shown(fields: object): string {
  const parts = Object.entries(fields).map(([name, value]) => `${name}: ${wordOf(value)}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function wordOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return messageOf(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
