/** The whole terminal for one program, which is given back however the program ends. */

import { emitKeypressEvents } from 'node:readline';
import { SottoError } from '../errors.ts';

export interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly sequence?: string;
}

export interface ScreenEvents {
  readonly onKey: (text: string, key: Key) => void;
  readonly onResize: () => void;
}

// The alternate screen, without wrapping of long lines, and with pasted text marked as such.
const ENTER = '\u001b[?1049h\u001b[?7l\u001b[?2004h';
const LEAVE = '\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l';

export class FullScreen implements Disposable {
  readonly #events: ScreenEvents;
  readonly #restore = (): void => this.close();
  #isOpen = true;

  static isPossible(): boolean {
    return process.stdin.isTTY === true && process.stdout.isTTY === true;
  }

  /** @throws SottoError `invalid_argument` where there is no terminal. */
  constructor(events: ScreenEvents) {
    if (!FullScreen.isPossible()) throw new SottoError('invalid_argument', 'This needs a terminal.');
    this.#events = events;
    // Before the text of an exception is printed, which would be lost with the screen.
    process.on('uncaughtExceptionMonitor', this.#restore);
    process.on('exit', this.#restore);
    process.stdout.write(ENTER);
    emitKeypressEvents(process.stdin);
    process.stdin.setRawMode(true);
    process.stdin.on('keypress', events.onKey);
    process.stdin.resume();
    process.stdout.on('resize', events.onResize);
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
  }

  get hasColours(): boolean {
    return process.stdout.hasColors();
  }

  /** @param cursor where it is shown, from 0; null hides it. */
  draw(lines: readonly string[], cursor: { readonly row: number; readonly column: number } | null): void {
    if (!this.#isOpen) return;
    const { rows } = this.size;
    // Each line at its place: what a terminal measures otherwise than we do moves no other line.
    const all = Array.from({ length: rows }, (_, row) => lines[row] ?? '');
    const drawn = all.map((line, row) => `\u001b[${row + 1};1H\u001b[2K${line}\u001b[0m`);
    const shown = cursor ? `\u001b[${cursor.row + 1};${cursor.column + 1}H\u001b[?25h` : '';
    process.stdout.write(`\u001b[?25l${drawn.join('')}${shown}`);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('uncaughtExceptionMonitor', this.#restore);
    process.off('exit', this.#restore);
    process.stdin.off('keypress', this.#events.onKey);
    process.stdout.off('resize', this.#events.onResize);
    process.stdout.write(LEAVE);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
