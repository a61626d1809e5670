import { type Logger, SILENT } from '../app/message.ts';
import { assertNumber } from '../bytes/assert.ts';
import { SottoError } from '../errors.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { type PeerId, peerIdOf } from './peer.ts';
import type { Pinnable, Succession } from './pin-book.ts';
import { MAX_PINS, type Pin } from './pin-file.ts';
import { PinSync } from './pin-sync.ts';

export type { Pin, Pinnable };

export interface PinsOptions {
  /** Pins kept, 1 to 10 000; the oldest that nobody trusted or blocked makes room. Default 10 000. */
  readonly maxPins?: number;
  /** How long changes are gathered before they are written, ms, 0 to 60 000. Default 500. */
  readonly writeDelay?: number;
  /** ms since 1970. */
  readonly now?: () => number;
  /** Told of what could not be written. Default silent. */
  readonly log?: Logger;
}

/**
 * The keys that peers have shown: pinned on first use, trusted once a person has compared the words, or blocked.
 *
 * In a private file, mode 0600, written soon after a change and on `close`; several programs may share it.
 */
export class Pins implements AsyncDisposable {
  readonly #sync: PinSync;
  readonly #now: () => number;

  /**
   * From a file; there need not be one yet.
   *
   * @throws SottoError `key_file_exposed` (others can read or write it), `key_file_invalid`, `invalid_option`,
   * `unsupported_platform`.
   */
  static async load(path: string, options: PinsOptions = {}): Promise<Pins> {
    const pins = new Pins(path, options);
    await pins.refresh();
    return pins;
  }

  /** Forgotten with the program. @throws SottoError `invalid_option`. */
  static memory(options: Pick<PinsOptions, 'maxPins' | 'now'> = {}): Pins {
    return new Pins(null, options);
  }

  private constructor(path: string | null, options: PinsOptions) {
    const { maxPins = MAX_PINS, writeDelay = 500, now = Date.now, log = SILENT } = options;
    assertNumber(maxPins, 'maxPins', 1, MAX_PINS);
    assertNumber(writeDelay, 'writeDelay', 0, 60_000);
    this.#now = now;
    this.#sync = new PinSync({ path, maxPins, writeDelay, log });
  }

  get(id: PeerId): Pin | undefined {
    return this.#sync.book.get(id);
  }

  /** The key by which a peer goes on: its own, or the one that has come in its place. */
  currentId(id: PeerId): PeerId {
    return this.get(id)?.successor ?? id;
  }

  /** The keys that a user of a host has had, the oldest first. */
  named(name: Pick<Pin, 'user' | 'hostname'>): readonly Pin[] {
    return this.#sync.book.named(name);
  }

  /** The oldest first. */
  list(): readonly Pin[] {
    return this.#sync.book.list();
  }

  /** Remembers a key with the name it has now. Where a person does it: this name may have one key more. */
  pin({ publicKey, user, hostname }: Pinnable): void {
    const known = this.get(peerIdOf(publicKey));
    if (known?.publicKey && known.user === user && known.hostname === hostname) return;
    const now = Math.floor(this.#now());
    this.#sync.change((book) => book.pin({ publicKey, user, hostname }, now));
  }

  /**
   * A person has compared the words.
   *
   * @param who a pinned id, or a peer, which is pinned by it.
   * @throws SottoError `invalid_argument` for an id whose key is not pinned.
   */
  trust(who: PeerId | Pinnable): void {
    if (typeof who === 'string' && !this.get(who)?.publicKey) throw unknown(who);
    this.#mark(who, { isTrusted: true });
  }

  /** Takes back what `trust` said. @throws SottoError `invalid_argument` for an id that is not known. */
  untrust(id: PeerId): void {
    if (!this.get(id)) throw unknown(id);
    this.#mark(id, { isTrusted: false });
  }

  /** Nothing is heard of this key, or sent to it, from now on; also of an id that was never seen. */
  block(who: PeerId | Pinnable): void {
    this.#mark(who, { isBlocked: true });
  }

  /** @throws SottoError `invalid_argument` for an id that is not known, or whose owner has another key now. */
  unblock(id: PeerId): void {
    const pin = this.get(id);
    if (!pin) throw unknown(id);
    if (pin.successor !== undefined) throw succeeded(id, pin.successor);
    if (pin.publicKey) this.#mark(id, { isBlocked: false });
    else this.forget(id);
  }

  /** As if never seen: neither trusted nor blocked. @returns whether it was known. */
  forget(id: PeerId): boolean {
    if (!this.get(id)) return false;
    this.#sync.change((book) => book.delete(id));
    return true;
  }

  /**
   * A person says that a peer has changed its key: the new one is pinned, not yet trusted, and the old one forgotten.
   *
   * @throws SottoError `invalid_argument` where the old one is not pinned, or is the new one.
   */
  accept(peer: Pinnable, insteadOf: PeerId): void {
    if (!this.get(insteadOf)) throw unknown(insteadOf);
    if (peerIdOf(peer.publicKey) === insteadOf) {
      throw new SottoError('invalid_argument', 'A key cannot be accepted in place of itself.');
    }
    this.forget(insteadOf);
    this.pin(peer);
  }

  /**
   * Two keys have proved that one comes in place of the other: what people decided about the old one is so of the new one,
   * and the old one is refused from now on.
   */
  succeed(successor: PublicKey, predecessor: PeerId): Succession {
    const verdict = this.#sync.book.judgeSuccession(successor, predecessor);
    const now = Math.floor(this.#now());
    if (verdict === 'moved' || verdict === 'blocked') {
      this.#sync.change((book) => book.succeed(successor, predecessor, now));
    }
    return verdict;
  }

  /** Writes now what has changed. @throws SottoError `key_file_invalid`, `key_file_exposed`. */
  flush(): Promise<void> {
    return this.#sync.flush();
  }

  /** Takes over what other programs have written since. @throws SottoError `key_file_invalid`, `key_file_exposed`. */
  refresh(): Promise<void> {
    return this.#sync.refresh();
  }

  /** Writes what has changed; later changes stay in memory. Throws as `flush` does. */
  close(): Promise<void> {
    return this.#sync.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #mark(who: PeerId | Pinnable, marks: Partial<Pick<Pin, 'isTrusted' | 'isBlocked'>>): void {
    const isId = typeof who === 'string';
    const id = isId ? who : peerIdOf(who.publicKey);
    const shown = isId ? {} : { publicKey: who.publicKey, user: who.user, hostname: who.hostname };
    const blank = { id, publicKey: null, user: '', hostname: '', isTrusted: false, isBlocked: false };
    const known = this.get(id) ?? { ...blank, firstSeen: Math.floor(this.#now()) };
    this.#sync.change((book) => book.put({ ...known, ...book.get(id), ...shown, ...marks }));
  }
}

function succeeded(id: PeerId, successor: PeerId): SottoError {
  const text = `The key with the id ${id} stays refused: its owner has moved to ${successor}. If that is blocked, unblock it.`;
  return new SottoError('invalid_argument', text);
}

function unknown(id: PeerId): SottoError {
  return new SottoError('invalid_argument', `No key with the id ${id} is pinned.`);
}
