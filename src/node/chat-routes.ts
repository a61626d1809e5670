/** The chat on the wire: rooms are routes of broadcasts, and one route takes what is for one peer alone. */

import { cleanLine } from './clean-text.ts';
import { shownValue } from './shown-value.ts';

/** Of messages to one peer. */
export const MESSAGE_ROUTE = '/chat-message';
/** Where rooms are that are named without a slash. */
const ROOMS = '/chat/';
export const FIRST_ROOM = '/chat/lobby';
const MAX_ROOM = 64;

/** A room's route; null for what is none. */
export function roomRoute(name: string): string | null {
  const route = name.startsWith('/') ? name : `${ROOMS}${name.replace(/^#/, '')}`;
  const isRight = /^(\/[\p{L}\p{M}\p{N}._~-]+)+$/u.test(route) && route.length <= MAX_ROOM;
  return isRight && !route.startsWith('/sotto/') ? route : null;
}

/** As people call it. */
export function roomName(route: string): string {
  return cleanLine(route.startsWith(ROOMS) ? route.slice(ROOMS.length) : route);
}

/** A text, as `sotto shout` sends, or one with the name of whoever says that it wrote it. */
export function said(body: unknown): { readonly name: string; readonly text: string } {
  if (typeof body === 'string') return { name: '', text: body };
  const { user, text } = (body ?? {}) as { user?: unknown; text?: unknown };
  if (typeof text === 'string') return { name: typeof user === 'string' ? user : '', text };
  return { name: '', text: shownValue(body) };
}
