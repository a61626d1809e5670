/** What the chat knows: all that is drawn, and how it changes. */

import { roomName } from '../node/chat-routes.ts';
import { cleanLine } from '../node/clean-text.ts';
import type { Mark } from '../node/peer-text.ts';
import { EMPTY_LINE, type InputLine } from './chat-input.ts';

/** `note` is our own word; `sealed` is for one alone and proved; `group` and `plain` are anybody's. */
export type LineKind = 'sealed' | 'group' | 'plain' | 'note' | 'warning';

export interface ChatLine {
  /** ms since 1970. */
  readonly at: number;
  /** The room's route; null is shown in every room. */
  readonly room: string | null;
  readonly kind: LineKind;
  /** Empty for a note. */
  readonly from: string;
  readonly text: string;
}

interface ChatPeer {
  readonly name: string;
  readonly mark: Mark;
}

interface ChatRoom {
  readonly route: string;
  readonly unread: number;
}

export interface ChatState {
  readonly self: string;
  /** Whether broadcasts are sealed for a group. */
  readonly isGroup: boolean;
  readonly peers: readonly ChatPeer[];
  readonly rooms: readonly ChatRoom[];
  /** The route of the room that is seen. */
  readonly room: string;
  readonly lines: readonly ChatLine[];
  readonly input: InputLine;
  /** What goes on now, such as a file on its way; empty for nothing. */
  readonly status: string;
  /** Lines above the newest. */
  readonly scroll: number;
}

/** Strangers can write as much as they like. */
const MOST_LINES = 2000;
const MOST_ROOMS = 40;
const LONGEST_TEXT = 4000;
const LONGEST_NAME = 64;

export function newChat(self: string, isGroup: boolean, room: string): ChatState {
  return {
    ...{ self: cleanLine(self), isGroup, room, peers: [], rooms: [{ route: room, unread: 0 }], lines: [] },
    ...{ input: EMPTY_LINE, status: '', scroll: 0 },
  };
}

/** A line more; what others wrote is cleaned here, whoever calls. */
export function withLine(state: ChatState, line: ChatLine): ChatState {
  const text = cleanLine(line.text.slice(0, LONGEST_TEXT));
  const from = cleanLine(line.from.slice(0, LONGEST_NAME));
  const lines = [...state.lines, { ...line, text, from }].slice(-MOST_LINES);
  const scroll = state.scroll > 0 ? state.scroll + 1 : 0;
  const next = { ...state, lines, scroll };
  return line.room === null || line.room === state.room ? next : unreadIn(next, line.room);
}

/** Another room is seen. */
export function inRoom(state: ChatState, route: string): ChatState {
  const rooms = roomsWith(state.rooms, route).map((each) =>
    each.route === route ? { route, unread: 0 } : each,
  );
  return { ...state, rooms, room: route, scroll: 0 };
}

/** The room after this one, as it is listed. */
export function nextRoom({ rooms, room }: ChatState): string {
  const at = rooms.findIndex(({ route }) => route === room);
  return rooms[(at + 1) % rooms.length]?.route ?? room;
}

export function linesOfRoom({ lines, room }: ChatState): readonly ChatLine[] {
  return lines.filter((line) => line.room === null || line.room === room);
}

function unreadIn(state: ChatState, room: string): ChatState {
  const rooms = roomsWith(state.rooms, room).map((each) =>
    each.route === room ? { ...each, unread: each.unread + 1 } : each,
  );
  return { ...state, rooms };
}

/** A room that strangers made up is listed while there is place for it. */
function roomsWith(rooms: readonly ChatRoom[], route: string): readonly ChatRoom[] {
  if (rooms.some((each) => each.route === route)) return rooms;
  const kept = rooms.length < MOST_ROOMS ? rooms : rooms.slice(0, MOST_ROOMS - 1);
  return [...kept, { route, unread: 0 }].toSorted((left, right) =>
    roomName(left.route) < roomName(right.route) ? -1 : 1,
  );
}
