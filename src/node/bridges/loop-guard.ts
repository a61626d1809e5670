/**
 * Keeps bridges from carrying in circles. Two rules, since a message bears no mark of where it has been:
 *
 * 1. What a node has put on a wire, it does not take from it again: neither its own copy, nor one that another node has
 *    carried back within a moment.
 * 2. The same message by the same bridge more than a few times within a moment goes round through others.
 */

import { primitives } from '#crypto';
import type { InboundMessage } from '../../app/message.ts';
import { type Bytes, EMPTY, mapKey } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';

/** Where copies can come back. */
export type LoopWire = 'topic' | 'lan';

/** ms */
const MOMENT = 2000;
/** The same message by one bridge within a moment. */
const MOST = 5;
/** Remembered at a time; beyond, the oldest are forgotten. */
const MOST_REMEMBERED = 10_000;

interface Seen {
  readonly since: number;
  times: number;
}

export class LoopGuard {
  readonly #now: () => number;
  readonly #seen = new Map<string, Seen>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** This node puts a message on a wire. */
  sends(wire: LoopWire, name: string, body: Bytes): void {
    this.#count(keyOf(`out ${wire} ${name}`, body));
  }

  /** Whether a message that came by a wire is one that is to go no further. */
  isLoop(bridge: string, wire: LoopWire, name: string, body: Bytes): boolean {
    if (this.#recent(keyOf(`out ${wire} ${name}`, body))) return true;
    return this.#count(keyOf(`by ${bridge} ${name}`, body)) > MOST;
  }

  #recent(key: string): Seen | null {
    const seen = this.#seen.get(key);
    return seen && this.#now() - seen.since < MOMENT ? seen : null;
  }

  #count(key: string): number {
    const seen = this.#recent(key);
    if (seen) {
      seen.times += 1;
      return seen.times;
    }
    this.#seen.delete(key); // so that it stands among the newest
    this.#seen.set(key, { since: this.#now(), times: 1 });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MOST_REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
    return 1;
  }
}

function keyOf(name: string, body: Bytes): string {
  return `${name} ${mapKey(primitives.sha256(body))}`;
}

/** The same for a value however it was written: what came as a topic's text goes on as JSON. */
export function fingerprintOf(message: Pick<InboundMessage, 'body' | 'bytes'>): Bytes {
  try {
    const { body } = message;
    return body instanceof Uint8Array ? body : encodeUtf8(JSON.stringify(body ?? '') ?? '');
  } catch {
    return message.bytes ?? EMPTY;
  }
}
