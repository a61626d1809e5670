/** `sotto chat`: the terminal, the keys, and when to draw. */

import type { Command } from 'commander';
import { SottoError } from '../errors.ts';
import { stopRequested } from '../node/stop.ts';
import { EMPTY_LINE, editLine } from './chat-input.ts';
import { cursorOf, renderChat } from './chat-screen.ts';
import { ChatSession } from './chat-session.ts';
import { inRoom, linesOfRoom, nextRoom } from './chat-state.ts';
import { FullScreen, type Key } from './full-screen.ts';
import { type PeerOptions, withPeerOptions } from './peer-options.ts';

interface ChatOptions extends PeerOptions {
  readonly downloads: string;
}

/** Between two drawings, ms: strangers must not keep the terminal busy. */
const FRAME = 30;
const MOST_HISTORY = 200;

export function addChatCommand(program: Command): void {
  const chat = program
    .command('chat')
    .description('talk with everybody on this network, in the whole terminal')
    .option('--downloads <folder>', 'where files go that you accept', 'downloads');
  withPeerOptions(chat, 'sotto chat --user ada').action(run);
}

async function run(options: ChatOptions): Promise<void> {
  if (options.json || !FullScreen.isPossible()) {
    const text = 'sotto chat needs a terminal; programs have sotto inbox, sotto tell and sotto shout.';
    throw new SottoError('invalid_argument', text);
  }
  const stop = stopRequested();
  let draw = (): void => {};
  await using session = await ChatSession.start(options, () => draw());
  const keys = new Keys(session);
  using screen = new FullScreen({ onKey: (text, key) => keys.press(text, key), onResize: () => draw() });
  let timer: NodeJS.Timeout | null = null;
  draw = (): void => {
    timer ??= setTimeout(() => {
      timer = null;
      const size = { ...screen.size, hasColours: screen.hasColours };
      screen.draw(renderChat(session.state, size), cursorOf(session.state, size));
    }, FRAME);
  };
  draw();
  await Promise.race([stop, session.quit.promise]);
  draw = () => {};
  if (timer) clearTimeout(timer);
}

/** What keys do. */
class Keys {
  readonly #session: ChatSession;
  readonly #history: string[] = [];
  #at = 0;
  #isPasting = false;

  constructor(session: ChatSession) {
    this.#session = session;
  }

  press(text: string, key: Key): void {
    const { name, ctrl } = key;
    if (name === 'paste-start' || name === 'paste-end') {
      this.#isPasting = name === 'paste-start';
    } else if (ctrl && (name === 'c' || name === 'd')) {
      this.#session.quit.resolve();
    } else if (name === 'return' || name === 'enter') {
      // Pasted lines become one, so that nothing is sent which nobody has seen.
      if (this.#isPasting) this.#edit(' ', {});
      else this.#enter();
    } else if (name === 'up' || name === 'down') this.#recall(name === 'up' ? -1 : 1);
    else if (name === 'pageup' || name === 'pagedown') this.#scroll(name === 'pageup' ? 5 : -5);
    else if (name === 'tab') this.#nextRoom();
    else this.#edit(text, key);
  }

  #edit(text: string, key: Key): void {
    const { state } = this.#session;
    this.#session.update({ ...state, input: editLine(state.input, text, key) });
  }

  #enter(): void {
    const { state } = this.#session;
    const line = state.input.before + state.input.after;
    this.#session.update({ ...state, input: EMPTY_LINE, scroll: 0 });
    if (line.trim() !== '') this.#history.push(line);
    if (this.#history.length > MOST_HISTORY) this.#history.shift();
    this.#at = this.#history.length;
    void this.#session.enter(line);
  }

  #recall(step: number): void {
    this.#at = Math.min(Math.max(0, this.#at + step), this.#history.length);
    const before = this.#history[this.#at] ?? '';
    this.#session.update({ ...this.#session.state, input: { before, after: '' } });
  }

  #scroll(step: number): void {
    const { state } = this.#session;
    const most = Math.max(0, linesOfRoom(state).length - 1);
    this.#session.update({ ...state, scroll: Math.min(Math.max(0, state.scroll + step), most) });
  }

  #nextRoom(): void {
    const { state } = this.#session;
    this.#session.update(inRoom(state, nextRoom(state)));
  }
}
