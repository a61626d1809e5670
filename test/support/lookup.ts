/** What tests of the lookup job share. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../src/app/message.ts';

type Level = keyof Logger;

/** A log that tests can read. */
export class CollectingLog implements Logger {
  readonly #lines: (readonly [Level, string])[] = [];

  debug(_fields: object, text: string): void {
    this.#lines.push(['debug', text]);
  }
  info(_fields: object, text: string): void {
    this.#lines.push(['info', text]);
  }
  warn(_fields: object, text: string): void {
    this.#lines.push(['warn', text]);
  }
  error(_fields: object, text: string): void {
    this.#lines.push(['error', text]);
  }

  texts(level: Level): string[] {
    return this.#lines.filter(([each]) => each === level).map(([, text]) => text);
  }
}

/** Resolves once `holds`; the test's own timeout ends the waiting. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(5);
}
