/** Names of files as strangers give them, made fit for any folder on any system. */

import { cutUtf8, decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';

/** Of a name, bytes of UTF-8: a file system takes 255, and a number may have to be added. */
const MAX_SIZE = 200;
const MAX_ENDING_SIZE = 24;
const NAMELESS = 'file';

/** Control characters, separators of lines, and what is not seen but turns text around; joiners of emoji may stay. */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** Windows refuses them, and takes a colon for a stream hidden in the file. */
const FORBIDDEN = /[<>:"|?*]/g;
const SEPARATORS = /[/\\]/;
/** Devices, whatever the ending. */
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)/i;
const LEADING = /^[\s.\u200c\u200d]+/u;
const TRAILING = /[\s.]+$/u;

/**
 * The base name alone, without what hides, reverses or escapes: never empty, never `.` or `..`, never hidden, at most 200
 * bytes. Cleaning twice changes nothing more.
 */
export function cleanFileName(text: string): string {
  const base = text.split(SEPARATORS).findLast((part) => part.replace(TRAILING, '') !== '') ?? '';
  // What is not seen goes first: it may stand between letters that make one.
  const shown = base.replace(UNSEEN, '').normalize('NFC').replace(FORBIDDEN, '_').replace(LEADING, '');
  const free = RESERVED.test(shown) ? `_${shown}` : shown;
  const name = shortened(free.replace(TRAILING, '')).replace(TRAILING, '');
  return name === '' ? NAMELESS : name;
}

/** `name.ext`, then `name (2).ext`, `name (3).ext` … */
export function numberedName(name: string, number: number): string {
  if (number <= 1) return name;
  const { stem, ending } = split(name);
  return `${stem} (${number})${ending}`;
}

/** Cut in the middle, so that the ending stays. */
function shortened(name: string): string {
  if (encodeUtf8(name).length <= MAX_SIZE) return name;
  const { stem, ending } = split(name);
  const kept = encodeUtf8(ending).length <= MAX_ENDING_SIZE ? ending : '';
  const room = MAX_SIZE - encodeUtf8(kept).length;
  return decodeUtf8(cutUtf8(encodeUtf8(kept === '' ? name : stem), room)) + kept;
}

function split(name: string): { readonly stem: string; readonly ending: string } {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? { stem: name.slice(0, dot), ending: name.slice(dot) } : { stem: name, ending: '' };
}
