/**
 * A session after its handshake: messages both ways, and fresh keys for them from time to time.
 *
 * Epochs. The keys between two rekeys are an epoch, numbered from 0. The nonces of epoch N are N * 2^32 + 0, 1, 2 … in
 * each direction, so that a nonce names its epoch; epoch 0 is plain Noise. An epoch has three keys of 32 bytes, the
 * outputs of Noise's HKDF (HKDF-SHA-256, the first argument is the salt, no info, 96 bytes):
 *
 * ```text
 * k1(0), k2(0), chain(0)       = HKDF(ck, nothing)             ck: Noise's chaining key after the handshake
 * k1(N+1), k2(N+1), chain(N+1) = HKDF(chain(N), DH(i, r) || i || r)
 * k1: Noise's initiator to its responder; k2: back
 * i, r: X25519 public keys, drawn for this one rekey by initiator and responder, 32 bytes each
 * ```
 *
 * k1(0) and k2(0) are those of Noise's Split, whose HKDF has the same first two outputs. Messages have no associated data.
 *
 * A rekey. Either end asks with its key, the other answers with its own; both are plaintexts of ordinary messages that also
 * name the epoch which they are for. Who asks need not be Noise's initiator. An end derives the next epoch as soon as it
 * has both keys, and **seals under it as soon as it knows that the other end has derived it**: the asker by the answer, the
 * other end by the first message of the new epoch that opens. Until then it goes on in the old epoch, so nothing is ever
 * on its way that cannot be opened on arrival:
 *
 * ```text
 * asker                                        other end
 * ask(N+1, a)        under N       ──────▶     derives N+1
 * derives, sends N+1               ◀──────     answer(N+1, b)   under N, as all that follows
 * anything           under N+1     ──────▶     sends N+1, for this shows that the asker has derived it
 * ```
 *
 * If both ask at once, each answers the other's ask with the key that it asked with. An ask may be repeated until it is
 * answered, and gets the same answer. An end asks again for a next epoch only when it has dropped the keys of the last.
 *
 * Old keys. An end that begins to seal under N+1 overwrites the old sending key. It opens messages of epoch N
 *
 * - in order (`decrypt`): until the first one of epoch N+1, for none of N can follow it;
 * - in any order (`decryptAt`): until `dropPrevious`, to be called when no message of N can be on its way any more (after
 *   the longest time that a message may take), or until the other end, which has dropped its own, rekeys again.
 *
 * Then no key is left that could open or be turned into one that could open what came before: k1, k2 and chain of N are
 * overwritten, chain(N) when N+1 is derived, and the private key of the rekey is dropped (as far as JavaScript lets
 * anybody overwrite: the platform's own copies are the garbage collector's). Somebody who learned all keys of an epoch and
 * only listens is shut out again by the next rekey. Who can also alter messages is not: fresh keys vouch for nobody, they
 * are only as authentic as the epoch in which they were sent.
 *
 * Source: specs/native.md, section 4; made exact here.
 */

import { type Bytes, concat, EMPTY, sameBytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import type { X25519PrivateKey } from '../platform/types.ts';
import { decryptFailed, KEY_SIZE, type SealedMessage } from './noise/cipher-state.ts';
import { type Epoch, epochOf } from './noise/epoch.ts';
import { ReplayWindow } from './replay.ts';

export type { SealedMessage } from './noise/cipher-state.ts';

/** Of an epoch, so that its nonces stay its own. A session should have been rekeyed long before. */
const MAX_MESSAGES = 2 ** 32;
const MAX_EPOCH = 2 ** 32 - 2;

/** What the ends tell each other to rekey. */
export interface RekeyMessage {
  readonly type: 'ask' | 'answer';
  /** The one that is to begin, from 1. */
  readonly epoch: number;
  /** X25519, 32 bytes, of the end that sends this. */
  readonly publicKey: Bytes;
}

interface KeyPair {
  readonly privateKey: X25519PrivateKey;
  readonly publicKey: Bytes;
}

interface Receivable {
  readonly epoch: Epoch;
  readonly window: ReplayWindow;
}

/** One end of a session. A message that does not open changes nothing. */
export class RekeyingTransport {
  /** The epoch derived last. */
  #newest: Epoch;
  #sending: Epoch;
  /** Whose messages are opened; the newest comes last. */
  #receivable: Receivable[];
  /** Whether a message of the newest epoch has opened: then the other end seals under no other. */
  #heardNewest = true;
  /** What was asked with and is not answered. */
  #asked: KeyPair | null = null;
  /** The public keys that the newest epoch was made of; null for the handshake's. */
  #madeOf: { readonly ours: Bytes; readonly theirs: Bytes } | null = null;

  /** @param epoch what `split` gave; it belongs to the transport from now on. */
  constructor(epoch: Epoch) {
    this.#newest = epoch;
    this.#sending = epoch;
    this.#receivable = [{ epoch, window: new ReplayWindow() }];
  }

  /** The number of the epoch that messages are sealed under, that is, of rekeys so far. */
  get epoch(): number {
    return this.#sending.number;
  }

  /** Messages sealed in this epoch so far: what to rekey by. */
  get sent(): number {
    return this.#sending.sent;
  }

  /**
   * Seals up to 65 519 bytes. The nonce must travel with the ciphertext only where messages may overtake each other.
   *
   * @throws SottoError `frame_too_large`; `nonce_exhausted` after 2^32 messages without a rekey.
   */
  encrypt(plaintext: Bytes): SealedMessage {
    if (this.sent >= MAX_MESSAGES) {
      throw new SottoError('nonce_exhausted', `${MAX_MESSAGES} messages were sealed without a rekey.`);
    }
    return this.#sending.sending.encryptNext(EMPTY, plaintext);
  }

  /**
   * Opens the message that comes next, where the transport keeps them in order. Use either this or `decryptAt`.
   *
   * @throws SottoError `decrypt_failed`.
   */
  decrypt(ciphertext: Bytes): Bytes {
    for (const { epoch } of this.#receivable) {
      const plaintext = attempt(() => epoch.receiving.decryptWithAd(EMPTY, ciphertext));
      if (plaintext === null) continue;
      this.#heard(epoch);
      this.dropPrevious();
      return plaintext;
    }
    throw decryptFailed();
  }

  /**
   * Opens a message that came with its nonce, in any order, but each only once and none that is more than 1023 behind.
   *
   * @throws SottoError `decrypt_failed`.
   */
  decryptAt(nonce: bigint, ciphertext: Bytes): Bytes {
    const found = this.#receivable.find(({ epoch }) => epoch.number === epochOf(nonce));
    if (!found?.window.admits(nonce)) throw decryptFailed();
    const plaintext = found.epoch.receiving.decryptAt(nonce, EMPTY, ciphertext);
    found.window.add(nonce);
    this.#heard(found.epoch);
    return plaintext;
  }

  /**
   * What to send to rekey; the same again while it is not answered. Null while the keys before the last rekey are still
   * here: then that one is under way.
   */
  ask(): RekeyMessage | null {
    if (this.#receivable.length > 1) return null;
    this.#asked ??= this.#newest.end.suite.primitives.x25519.generate();
    return { type: 'ask', epoch: this.#newest.number + 1, publicKey: this.#asked.publicKey };
  }

  /**
   * Takes an ask or answer from a message that opened, and says what to send back, if anything. After an answer there
   * should soon be some message (a ping will do): the other end switches by it.
   *
   * @throws SottoError `invalid_message` for what no honest end sends, after which the session should be closed.
   */
  receive(message: RekeyMessage): RekeyMessage | null {
    if (message.epoch < this.#newest.number) return null; // overtaken by what came after it
    if (message.epoch > this.#newest.number) this.#advance(message);
    const { ours, theirs } = this.#madeOf ?? refuse('there was no rekey yet');
    if (!sameBytes(theirs, message.publicKey)) refuse('it has another key than before');
    if (message.type === 'ask') return { type: 'answer', epoch: message.epoch, publicKey: ours };
    this.#sealUnder(this.#newest);
    return null;
  }

  /**
   * Overwrites the keys of the epoch before, so that what is still on its way from it will not open.
   *
   * @returns false where the other end may still be sealing under them: then nothing is done.
   */
  dropPrevious(): boolean {
    if (!this.#heardNewest) return false;
    for (const { epoch } of this.#receivable.slice(0, -1)) epoch.wipe();
    this.#receivable = this.#receivable.slice(-1);
    return true;
  }

  /** Overwrites all keys: the session is over. */
  close(): void {
    for (const { epoch } of this.#receivable) epoch.wipe();
    this.#asked = null;
  }

  #heard(epoch: Epoch): void {
    if (epoch !== this.#newest) return;
    this.#heardNewest = true;
    this.#sealUnder(epoch);
  }

  #sealUnder(epoch: Epoch): void {
    if (epoch === this.#sending) return;
    this.#sending.sending.wipe();
    this.#sending = epoch;
  }

  /** Derives the next epoch. */
  #advance(message: RekeyMessage): void {
    if (message.epoch !== this.#newest.number + 1 || message.epoch > MAX_EPOCH)
      refuse('it is for another epoch');
    if (!this.#heardNewest) refuse('the rekey before it is not over');
    if (message.type === 'answer' && this.#asked === null) refuse('nothing was asked');
    const { role, suite } = this.#newest.end;
    const ours = this.#asked ?? suite.primitives.x25519.generate();
    const theirs = new Uint8Array(message.publicKey); // a copy: the message's bytes may be used again
    const agreed = this.#agree(ours.privateKey, theirs);
    const publicKeys = role === 'initiator' ? concat(ours.publicKey, theirs) : concat(theirs, ours.publicKey);
    const input = concat(agreed, publicKeys);
    this.#begin(this.#newest.next(input), { ours: ours.publicKey, theirs });
    for (const secret of [agreed, input]) secret.fill(0);
  }

  #begin(epoch: Epoch, madeOf: { ours: Bytes; theirs: Bytes }): void {
    this.dropPrevious();
    this.#receivable.push({ epoch, window: new ReplayWindow() });
    this.#newest = epoch;
    this.#heardNewest = false;
    this.#asked = null;
    this.#madeOf = madeOf;
  }

  #agree(ours: X25519PrivateKey, theirs: Bytes): Bytes {
    const { x25519 } = this.#newest.end.suite.primitives;
    if (theirs.length !== KEY_SIZE) refuse(`its key has ${theirs.length} bytes`);
    try {
      return x25519.agree(ours, x25519.importPublic(theirs));
    } catch {
      return refuse('its key is a point of low order');
    }
  }
}

function attempt(open: () => Bytes): Bytes | null {
  try {
    return open();
  } catch {
    return null;
  }
}

function refuse(why: string): never {
  throw new SottoError('invalid_message', `This rekey is refused: ${why}.`);
}
