/** The line that is being typed: pure, so that it can be tested without a terminal. */

import { cleanLine } from '../node/clean-text.ts';
import type { Key } from './full-screen.ts';
import { graphemesOf } from './text-width.ts';

export interface InputLine {
  readonly before: string;
  readonly after: string;
}

export const EMPTY_LINE: InputLine = { before: '', after: '' };

/** Chosen: it fits a datagram, and a person's patience. In UTF-16 code units. */
const LONGEST = 1000;

export function editLine(line: InputLine, text: string | undefined, key: Key): InputLine {
  const { before, after } = line;
  const whole = before + after;
  if (key.ctrl) return controlled(line, key.name);
  switch (key.name) {
    case 'left':
      return split(whole, graphemesOf(before).length - 1);
    case 'right':
      return split(whole, graphemesOf(before).length + 1);
    case 'home':
      return { before: '', after: whole };
    case 'end':
      return { before: whole, after: '' };
    case 'backspace':
      return { before: graphemesOf(before).slice(0, -1).join(''), after };
    case 'delete':
      return { before, after: graphemesOf(after).slice(1).join('') };
    default:
      return key.meta ? line : typed(line, text ?? '');
  }
}

function controlled(line: InputLine, name: string | undefined): InputLine {
  const { before, after } = line;
  if (name === 'a') return { before: '', after: before + after };
  if (name === 'e') return { before: before + after, after: '' };
  if (name === 'u') return { before: '', after };
  if (name === 'k') return { before, after: '' };
  if (name === 'w') return { before: before.replace(/\S*\s*$/, ''), after };
  if (name === 'h') return editLine(line, undefined, { name: 'backspace' });
  return line;
}

function typed({ before, after }: InputLine, text: string): InputLine {
  if (text.startsWith('\u001b')) return { before, after }; // a key that we do not know
  const room = LONGEST - before.length - after.length;
  return { before: before + cleanLine(text).slice(0, Math.max(0, room)), after };
}

function split(text: string, at: number): InputLine {
  const all = graphemesOf(text);
  const place = Math.min(Math.max(at, 0), all.length);
  return { before: all.slice(0, place).join(''), after: all.slice(place).join('') };
}
