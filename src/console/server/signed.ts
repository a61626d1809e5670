/** Short texts that only we can have made: a text, a dot, and its HMAC. */

import { primitives } from '#crypto';
import type { Bytes } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../bytes/text.ts';

/** Of the texts we sign, with room. */
const LONGEST = 256;
const MAC = /^[0-9a-f]{64}$/;

function sign(secret: Bytes, text: string): string {
  return `${text}.${encodeHex(primitives.hmacSha256(secret, encodeUtf8(text)))}`;
}

/** The text; null where it is not ours. */
function verify(secret: Bytes, signed: string): string | null {
  const dot = signed.lastIndexOf('.');
  const [text, mac] = [signed.slice(0, Math.max(0, dot)), signed.slice(dot + 1)];
  if (signed.length > LONGEST || !MAC.test(mac)) return null;
  const right = primitives.hmacSha256(secret, encodeUtf8(text));
  return primitives.equalSecrets(right, decodeHex(mac)) ? text : null;
}

/** A name that nobody guesses, and when it ends. */
export interface Pass {
  readonly id: string;
  /** ms since 1970. */
  readonly until: number;
}

export function newPass(lasts: number, now: number): Pass {
  return { id: encodeHex(primitives.randomBytes(16)), until: now + lasts };
}

export function signPass(secret: Bytes, { id, until }: Pass): string {
  return sign(secret, `${id}-${until}`);
}

/** Null where it is not ours, or has ended. */
export function openPass(secret: Bytes, signed: string, now: number): Pass | null {
  const [, id = '', until = ''] = /^([0-9a-f]{32})-(\d{1,16})$/.exec(verify(secret, signed) ?? '') ?? [];
  return id !== '' && Number(until) > now ? { id, until: Number(until) } : null;
}
