/** Draws the chat: a pure function of its state. */

import { styleText } from 'node:util';
import { roomName } from '../node/chat-routes.ts';
import { cleanLine } from '../node/clean-text.ts';
import type { Mark } from '../node/peer-text.ts';
import { type ChatLine, type ChatState, linesOfRoom } from './chat-state.ts';
import { fit, widthOf, wrap } from './text-width.ts';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
  /** Default false. */
  readonly hasColours?: boolean;
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

const PROMPT = '> ';
/** Of a message's rows after the first. */
const INDENT = '  ';
/** Below it there is place for messages alone, columns. */
const NARROW = 30;
const WIDEST_SIDE = 26;
const SIGNS: Readonly<Record<Mark, string>> = {
  ...{ trusted: '*', verified: '+', claimed: '?', 'NEW KEY': '!', blocked: 'x', plain: '-' },
};
const COLOURS: Readonly<Record<Mark, Style>> = {
  ...{
    trusted: 'green',
    verified: 'cyan',
    claimed: 'dim',
    'NEW KEY': 'red',
    blocked: 'red',
    plain: 'yellow',
  },
};
const KINDS: Readonly<Record<ChatLine['kind'], Style>> = {
  ...{ sealed: 'green', group: 'cyan', plain: 'yellow', note: 'dim', warning: 'red' },
};

/** Exactly so many rows, none of them wider than the screen. */
export function renderChat(state: ChatState, { columns, rows, hasColours = false }: ScreenSize): string[] {
  const paint: Paint = (style, text) =>
    hasColours ? styleText(style, text, { validateStream: false }) : text;
  const height = Math.max(0, rows - 3);
  const side = columns < NARROW ? 0 : Math.min(WIDEST_SIDE, Math.floor(columns * 0.32));
  const left = side === 0 ? [] : sideLines(state, side, height, paint);
  const right = messageLines(state, side === 0 ? columns : columns - side - 3, height, paint);
  const body = right.map((line, row) => (side === 0 ? line : `${left[row]} ${paint('dim', '│')} ${line}`));
  const all = [
    paint('inverse', fit(titleOf(state), columns)),
    ...body,
    paint('dim', fit(state.status === '' ? '─'.repeat(columns) : state.status, columns)),
    fit(inputShown(state, columns), columns),
  ];
  return all.slice(-Math.max(1, rows)); // the input line is the last to go
}

/** Where the cursor belongs. */
export function cursorOf(
  state: ChatState,
  { columns, rows }: ScreenSize,
): { readonly row: number; readonly column: number } {
  const column = widthOf(PROMPT) + widthOf(visibleBefore(state, columns));
  return { row: rows - 1, column: Math.min(column, columns - 1) };
}

function titleOf({ self, room, isGroup, scroll }: ChatState): string {
  const back = scroll > 0 ? ' · looking back' : '';
  return ` ${roomName(room)} · ${isGroup ? '🔒 group' : 'plain: all can read'} · you are ${self}${back} · /help`;
}

function sideLines(state: ChatState, width: number, height: number, paint: Paint): string[] {
  const { peers, rooms, room } = state;
  // Rooms have the lower part, and at most half.
  const roomRows = Math.min(rooms.length + 1, Math.max(2, Math.floor(height / 2)));
  const peerRows = Math.max(0, height - roomRows);
  const people = peers.map(({ name, mark }) =>
    paint(COLOURS[mark], fit(`${SIGNS[mark]} ${cleanLine(name)}`, width)),
  );
  const places = rooms.map(({ route, unread }) => {
    const text = fit(
      `${route === room ? '>' : ' '} ${roomName(route)}${unread > 0 ? ` (${unread})` : ''}`,
      width,
    );
    return route === room ? paint('bold', text) : text;
  });
  const at = rooms.findIndex(({ route }) => route === room);
  const first = Math.max(0, at - roomRows + 2);
  return [
    ...section(`peers ${peers.length}`, people, peerRows, width, paint),
    ...section('rooms', places.slice(first), roomRows, width, paint),
  ];
}

function section(
  title: string,
  lines: readonly string[],
  rows: number,
  width: number,
  paint: Paint,
): string[] {
  const all = [paint('dim', fit(title, width)), ...lines].slice(0, rows);
  if (lines.length >= rows && rows > 1) all[rows - 1] = fit(`  … ${lines.length - rows + 2} more`, width);
  return [...all, ...Array<string>(Math.max(0, rows - all.length)).fill(' '.repeat(width))];
}

/** From the newest upwards, no more than are seen. */
function messageLines(state: ChatState, width: number, height: number, paint: Paint): string[] {
  const lines = linesOfRoom(state);
  const newest = Math.max(1, lines.length - state.scroll);
  const shown: string[] = [];
  for (let at = Math.min(newest, lines.length) - 1; at >= 0 && shown.length < height; at--) {
    const line = lines[at];
    if (line) shown.unshift(...messageRows(line, width, paint));
  }
  const last = shown.slice(Math.max(0, shown.length - height));
  return [...last, ...Array<string>(Math.max(0, height - last.length)).fill(' '.repeat(width))];
}

function messageRows(line: ChatLine, width: number, paint: Paint): string[] {
  const { kind, from, at, text } = line;
  const clock = new Date(at).toTimeString().slice(0, 5);
  const seal = kind === 'plain' ? 'plain' : '🔒';
  const isNote = kind === 'note' || kind === 'warning';
  const head = isNote ? `${clock} ` : `${clock} ${seal} ${cleanLine(from)}: `;
  const [first = '', ...rest] = wrap(head + cleanLine(text), width - INDENT.length);
  const rows = [first, ...rest.map((row) => INDENT + row)].map((row) => fit(row, width));
  // The sender's part alone has the colour; of notes and warnings all.
  return rows.map((row, index) => {
    if (isNote) return paint(KINDS[kind], row);
    return index === 0 && row.startsWith(head) ? paint(KINDS[kind], head) + row.slice(head.length) : row;
  });
}

function inputShown(state: ChatState, columns: number): string {
  return `${PROMPT}${visibleBefore(state, columns)}${state.input.after}`;
}

/** The end of it, where it is longer than the screen. */
function visibleBefore({ input: { before } }: ChatState, columns: number): string {
  const room = Math.max(1, columns - PROMPT.length - 1);
  let text = before;
  while (widthOf(text) > room) text = text.slice(Math.max(1, Math.floor(room / 4)));
  return text;
}
