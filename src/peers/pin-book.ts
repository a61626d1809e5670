/** Pins in memory: by id and by name, and only so many. */

import type { PublicKey } from '../keys/public-key.ts';
import { type PeerId, peerIdOf } from './peer.ts';
import type { Pin } from './pin-file.ts';

/** What a pin is made of; a sealed peer is that. */
export interface Pinnable {
  readonly publicKey: PublicKey;
  readonly user: string;
  readonly hostname: string;
}

/**
 * What becomes of a key that names another in its place: that takes what people decided about it (`moved`), or the block
 * on it (`blocked`); it has done so before (`known`); it is nobody's (`unknown`); or it does not count (`refused`), for it
 * has named another already, or the other is blocked or has been succeeded itself.
 */
export type Succession = 'moved' | 'blocked' | 'known' | 'unknown' | 'refused';

/** Keys before a pinned one that stay refused. */
const MAX_SUCCEEDED = 4;

export class PinBook {
  readonly #most: number;
  /** The oldest first. */
  readonly #pins = new Map<PeerId, Pin>();
  readonly #names = new Map<string, Set<PeerId>>();

  constructor(most: number, pins: Iterable<Pin> = []) {
    this.#most = most;
    for (const pin of pins) this.put(pin);
  }

  get size(): number {
    return this.#pins.size;
  }

  get(id: PeerId): Pin | undefined {
    return this.#pins.get(id);
  }

  /** The keys that this name has had, the oldest first. */
  named({ user, hostname }: Pick<Pin, 'user' | 'hostname'>): Pin[] {
    const ids = this.#names.get(nameKey(user, hostname)) ?? [];
    return [...ids].flatMap((id) => this.#pins.get(id) ?? []);
  }

  list(): Pin[] {
    return [...this.#pins.values()];
  }

  /** Adds a key, or gives it the name that it has now; what people decided stays. */
  pin({ publicKey, user, hostname }: Pinnable, now: number): void {
    const id = peerIdOf(publicKey);
    const known = this.#pins.get(id) ?? { id, firstSeen: now, isTrusted: false, isBlocked: false };
    this.put({ ...known, publicKey, user, hostname });
  }

  put(pin: Pin): void {
    this.#unname(pin.id);
    this.#pins.set(pin.id, pin);
    const key = nameKey(pin.user, pin.hostname);
    const ids = this.#names.get(key) ?? new Set();
    // Without a key it is a block alone, and no name is known.
    if (pin.publicKey) this.#names.set(key, ids.add(pin.id));
    this.#trim();
  }

  judgeSuccession(successor: PublicKey, predecessor: PeerId): Succession {
    const id = peerIdOf(successor);
    const [old, own] = [this.#pins.get(predecessor), this.#pins.get(id)];
    if (!old) return 'unknown';
    if (old.successor === id) return 'known';
    if (old.successor !== undefined || own?.successor !== undefined || own?.isBlocked) return 'refused';
    return old.isBlocked ? 'blocked' : 'moved';
  }

  /** The old key is refused from now on, and the new one is what it was. Its name stays, until it proves another. */
  succeed(successor: PublicKey, predecessor: PeerId, now: number): void {
    const verdict = this.judgeSuccession(successor, predecessor);
    const old = this.#pins.get(predecessor);
    if (!old || (verdict !== 'moved' && verdict !== 'blocked')) return;
    const id = peerIdOf(successor);
    const { user, hostname, isTrusted, isBlocked } = old;
    const own = this.#pins.get(id) ?? { id, user, hostname, firstSeen: now, isTrusted: false };
    for (const pin of this.#pins.values()) {
      if (pin.successor === predecessor) this.put({ ...pin, successor: id });
    }
    this.put({ ...old, publicKey: null, user: '', hostname: '', isBlocked: true, successor: id });
    this.put({ ...own, publicKey: successor, isTrusted: own.isTrusted || isTrusted, isBlocked });
    const succeeded = this.list().filter((pin) => pin.successor === id);
    for (const pin of succeeded.slice(0, -MAX_SUCCEEDED)) this.delete(pin.id);
  }

  delete(id: PeerId): void {
    this.#unname(id);
    this.#pins.delete(id);
  }

  /** Forgets what is too many: the oldest that nobody decided about; trusted ones and then blocks only for their like. */
  #trim(): void {
    for (const worth of [0, 1, 2]) {
      for (const pin of this.#pins.values()) {
        if (this.#pins.size <= this.#most) return;
        if (worthOf(pin) === worth) this.delete(pin.id);
      }
    }
  }

  #unname(id: PeerId): void {
    const known = this.#pins.get(id);
    if (!known) return;
    const key = nameKey(known.user, known.hostname);
    const ids = this.#names.get(key);
    ids?.delete(id);
    if (ids?.size === 0) this.#names.delete(key);
  }
}

/** Trust that is lost is noticed and given again; a block that a person made would be neither. */
function worthOf({ isTrusted, isBlocked, successor }: Pin): number {
  if (isBlocked && successor === undefined) return 2;
  return isTrusted ? 1 : 0;
}

/** No name has a line feed: see cleanName. */
function nameKey(user: string, hostname: string): string {
  return `${user}\n${hostname}`;
}
