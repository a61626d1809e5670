import { SottoError } from '../errors.ts';
import { Identity } from './identity.ts';
import { openPreviousKey, readPreviousKeys } from './previous-keys.ts';
import type { PublicKey } from './public-key.ts';

/** A key before the current one. */
export interface PreviousIdentity {
  readonly identity: Identity;
  /** From then on it is refused, ms since 1970. */
  readonly until: number;
}

/** What a packet that opens under no key costs a server: so many more agreements on a secret. */
export const MAX_PREVIOUS = 3;

/**
 * A server's keys while one follows another: the current one, and those before it that are accepted for a while.
 *
 * Servers look into it at every packet, so that {@link replace} takes effect in a server that runs.
 *
 * @example
 * ```ts
 * import { createApp, Identity, IdentityRing } from 'sotto';
 * import { RequestServer } from 'sotto/request';
 * const old = Identity.generate();
 * const identity = new IdentityRing(old);
 * await using server = await RequestServer.start(createApp(), { identity, listen: 'udp://127.0.0.1:0' });
 * identity.replace({
 *   current: Identity.generate(),
 *   previous: [{ identity: old, until: Date.now() + 30 * 86_400_000 }],
 * });
 * console.log(server.publicKey.equals(old.publicKey)); // false
 * ```
 */
export class IdentityRing {
  readonly #now: () => number;
  #current: Identity;
  #previous: readonly PreviousIdentity[] = [];

  /** One identity is a ring of itself. */
  static of(value: Identity | IdentityRing): IdentityRing {
    return value instanceof IdentityRing ? value : new IdentityRing(value);
  }

  /**
   * The key in a file, and those before it that `sotto keys rotate` has put beside it (`FILE.previous`).
   *
   * @param options.passphrase opens all of them.
   * @param options.now a clock in ms since 1970, for tests. Default `Date.now`.
   * @throws SottoError as {@link Identity.load} does.
   */
  static async load(
    file: string,
    options: { readonly passphrase?: string; readonly now?: () => number } = {},
  ): Promise<IdentityRing> {
    const { passphrase, now = Date.now } = options;
    const current = await Identity.load(file, passphrase === undefined ? {} : { passphrase });
    const previous: PreviousIdentity[] = [];
    for (const key of await readPreviousKeys(file)) {
      if (key.until <= now()) continue; // what is refused need not be opened, which may take a while
      previous.push({ identity: await openPreviousKey(file, key, passphrase), until: key.until });
    }
    return new IdentityRing(current, { previous, now });
  }

  /**
   * @param options.previous at most 3 that have not ended.
   * @param options.now a clock in ms since 1970, for tests. Default `Date.now`.
   * @throws SottoError `invalid_option`.
   */
  constructor(
    current: Identity,
    options: { readonly previous?: readonly PreviousIdentity[]; readonly now?: () => number } = {},
  ) {
    this.#now = options.now ?? Date.now;
    this.#current = current;
    this.replace({ current, previous: options.previous ?? [] });
  }

  /** What servers show, and clients should know. */
  get current(): Identity {
    return this.#current;
  }

  /** Those that are still accepted. */
  get previous(): readonly PreviousIdentity[] {
    const now = this.#now();
    if (this.#previous.some(({ until }) => until <= now)) {
      this.#previous = this.#previous.filter(({ until }) => until > now);
    }
    return this.#previous;
  }

  /** When one of a server's keys ends, ms since 1970: null for the current one, now for one that is not accepted any more. */
  endOf(key: PublicKey): number | null {
    if (key.equals(this.#current.publicKey)) return null;
    return this.previous.find(({ identity }) => identity.publicKey.equals(key))?.until ?? this.#now();
  }

  /**
   * Takes other keys, such as those of another ring; every server that has this one goes on with them.
   *
   * @throws SottoError `invalid_option` for more than 3 previous ones that have not ended, or an end that is no number.
   */
  replace({ current, previous = [] }: { current: Identity; previous?: readonly PreviousIdentity[] }): void {
    const endless = previous.find(({ until }) => !Number.isFinite(until));
    if (endless) {
      const text = `The end of a previous key, until, is in ms since 1970; ${endless.until} is none.`;
      throw new SottoError('invalid_option', text);
    }
    const now = this.#now();
    const accepted = previous.filter(
      ({ identity, until }) => until > now && !identity.publicKey.equals(current.publicKey),
    );
    if (accepted.length > MAX_PREVIOUS) {
      const text = `A server accepts at most ${MAX_PREVIOUS} keys before its current one; these are ${accepted.length}.`;
      throw new SottoError('invalid_option', text);
    }
    this.#current = current;
    this.#previous = accepted;
  }
}
