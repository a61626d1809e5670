/**
 * What lies in the file of pins: JSON, one pin a line, guarded by the file's mode alone.
 *
 * ```text
 * {"sotto":"peer-pins","version":1,"pins":[
 * {"key":"sotto1…","user":"ann","hostname":"desk","firstSeen":1795000000000,"trusted":true},
 * {"id":"64 hex digits","user":"","hostname":"","firstSeen":1795000000000,"blocked":true}
 * ]}
 * ```
 *
 * `id` stands for `key` only where an id was blocked whose key was never seen, or that has a `successor`, which is the id
 * of the key in its place. Names that are not listed are ignored.
 */

import { describe } from '../bytes/assert.ts';
import { messageOf, SottoError } from '../errors.ts';
import { PublicKey } from '../keys/public-key.ts';
import { cleanName } from './announcement.ts';
import { type PeerId, parsePeerId, peerIdOf } from './peer.ts';

const VERSION = 1;
/** The most that a file holds. */
export const MAX_PINS = 10_000;
/** Of one pin, with names of 255 characters of three bytes each. */
const MAX_PIN = 2048;
/** Bytes. */
export const MAX_PIN_FILE: number = MAX_PINS * MAX_PIN;

/** What is remembered of a key. */
export interface Pin {
  readonly id: PeerId;
  /** Null for an id that was blocked without its key ever being seen. */
  readonly publicKey: PublicKey | null;
  readonly user: string;
  readonly hostname: string;
  /** ms since 1970. */
  readonly firstSeen: number;
  /** A person has compared the words. */
  readonly isTrusted: boolean;
  readonly isBlocked: boolean;
  /** The key that has come in its place, as both have proved; it is blocked since. */
  readonly successor?: PeerId;
}

export function encodePinFile(pins: Iterable<Pin>): string {
  const rows = [...pins].map(encodePin);
  return `{"sotto":"peer-pins","version":${VERSION},"pins":[\n${rows.join(',\n')}\n]}\n`;
}

/** @throws SottoError `key_file_invalid`. */
export function decodePinFile(text: string): Pin[] {
  const content = parse(text);
  if (content.sotto !== 'peer-pins') throw invalid('it does not say {"sotto": "peer-pins"}');
  if (content.version !== VERSION) {
    throw invalid(`its version is ${describe(content.version)}, and this program knows ${VERSION} alone`);
  }
  if (!Array.isArray(content.pins)) throw invalid('it has no list of pins');
  const pins = content.pins.map((pin: unknown, index) => decodePin(pin, `its pin ${index + 1}`));
  const seen = new Set<PeerId>();
  for (const { id } of pins) {
    if (seen.has(id)) throw invalid(`it has two pins for ${id}`); // one of them may be a block
    seen.add(id);
  }
  return pins;
}

function encodePin(pin: Pin): string {
  const { id, publicKey, user, hostname, firstSeen, isTrusted, isBlocked, successor } = pin;
  return JSON.stringify({
    ...(publicKey ? { key: publicKey.toString() } : { id }),
    user,
    hostname,
    firstSeen,
    ...(isTrusted && { trusted: true }),
    ...(isBlocked && { blocked: true }),
    ...(successor !== undefined && { successor }),
  });
}

function decodePin(value: unknown, which: string): Pin {
  if (!isObject(value)) throw invalid(`${which} is no object`);
  const publicKey = value.key === undefined ? null : keyIn(value.key, which);
  const id = publicKey ? peerIdOf(publicKey) : parsePeerId(String(value.id));
  if (id === null) throw invalid(`${which} has neither a key nor an id`);
  const user = cleanName(value.user);
  const hostname = cleanName(value.hostname);
  if (user === null || hostname === null) throw invalid(`${which} has no user and hostname`);
  const { firstSeen, trusted, blocked } = value;
  if (!Number.isSafeInteger(firstSeen) || Number(firstSeen) < 0) throw invalid(`${which} has no firstSeen`);
  const isTrusted = flag(trusted, `${which}: trusted`);
  const isBlocked = flag(blocked, `${which}: blocked`);
  const successor = value.successor === undefined ? undefined : parsePeerId(String(value.successor));
  if (successor === null) throw invalid(`${which} has a successor that is no id`);
  return {
    ...{ id, publicKey, user, hostname, firstSeen: Number(firstSeen), isTrusted, isBlocked },
    ...(successor === undefined ? {} : { successor }),
  };
}

function keyIn(value: unknown, which: string): PublicKey {
  if (typeof value !== 'string') throw invalid(`${which} has a key that is no text`);
  try {
    return PublicKey.from(value);
  } catch (cause) {
    throw invalid(`${which} has a key that cannot be used: ${messageOf(cause)}`, cause);
  }
}

/** Anything else is refused: a block must not be lost to a typing error. */
function flag(value: unknown, name: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalid(`${name} is neither true nor false`);
}

function parse(text: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw invalid(`it is not JSON: ${messageOf(cause)}`, cause);
  }
  if (isObject(content)) return content;
  throw invalid('it is no object');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError(
    'key_file_invalid',
    `These pins cannot be used: ${why}. Mend the file, or move it away; then every key is new again.`,
    { cause },
  );
}
