/** The keys of a session between two rekeys: what a handshake ends in, and what each rekey makes anew. */

import type { Bytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import { CipherState, type NoiseSuite } from './cipher-state.ts';
import type { Role } from './patterns.ts';
import { hkdf } from './symmetric-state.ts';

/** Bits of a nonce that count messages; those above them are the epoch's number. */
const COUNTER_BITS = 32n;

/** Whose keys they are. */
export interface SessionEnd {
  readonly suite: NoiseSuite;
  readonly role: Role;
}

/** The nonces of epoch `number` begin with `number` times 2^32, so that a nonce names its epoch. */
export class Epoch {
  /** Of rekeys before it. */
  readonly number: number;
  readonly end: SessionEnd;
  readonly sending: CipherState;
  readonly receiving: CipherState;
  #chainKey: Bytes | null;

  /**
   * @param keys 32 bytes each, which belong to the epoch from now on: initiator to responder, responder to initiator, and
   * the chain key that the next epoch is derived from.
   */
  constructor(end: SessionEnd, number: number, keys: readonly [Bytes, Bytes, Bytes]) {
    const [toResponder, toInitiator, chainKey] = keys;
    const initiates = end.role === 'initiator';
    const firstNonce = BigInt(number) << COUNTER_BITS;
    this.end = end;
    this.number = number;
    this.sending = new CipherState(end.suite, initiates ? toResponder : toInitiator, firstNonce);
    this.receiving = new CipherState(end.suite, initiates ? toInitiator : toResponder, firstNonce);
    this.#chainKey = chainKey;
  }

  /** Messages sealed so far. */
  get sent(): number {
    return Number(this.sending.nonce - (BigInt(this.number) << COUNTER_BITS));
  }

  /**
   * The epoch that follows when both ends mix `input` into the chain key; works once, for that key is overwritten.
   *
   * @throws SottoError `handler_reused`.
   */
  next(input: Bytes): Epoch {
    if (this.#chainKey === null) {
      throw new SottoError('handler_reused', `Another epoch has followed epoch ${this.number} already.`);
    }
    const keys = hkdf(this.end.suite, this.#chainKey, input);
    this.#wipeChainKey();
    return new Epoch(this.end, this.number + 1, keys);
  }

  /** Overwrites all keys. */
  wipe(): void {
    this.sending.wipe();
    this.receiving.wipe();
    this.#wipeChainKey();
  }

  #wipeChainKey(): void {
    this.#chainKey?.fill(0);
    this.#chainKey = null;
  }
}

/** The number of the epoch that a nonce belongs to. */
export function epochOf(nonce: bigint): number {
  return Number(nonce >> COUNTER_BITS);
}
