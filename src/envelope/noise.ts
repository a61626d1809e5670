/**
 * The Noise Protocol Framework, revision 34: how two ends that hold some of each other's keys come to share fresh ones.
 *
 * Pure and synchronous; runs on Node (node:crypto) and in browsers (noble). DH is X25519, the hash SHA-256, the cipher
 * AES-256-GCM or ChaCha20-Poly1305; the patterns are those of `noise/patterns.ts`. What sessions do with the keys that
 * come out is in `rekey.ts`. Sources: noiseprotocol.org, sections 5.3 and 9; specs/native.md, section 4.
 */

import { noisePrimitives } from '#noise-crypto';
import { assertBytes } from '../bytes/assert.ts';
import { type Bytes, concatAll, EMPTY } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { SottoError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import { PublicKey } from '../keys/public-key.ts';
import type { NoisePrimitives, X25519PrivateKey } from '../platform/types.ts';
import { decryptFailed, KEY_SIZE, MAX_MESSAGE_SIZE, TAG_SIZE, tooLarge } from './noise/cipher-state.ts';
import { Epoch, type SessionEnd } from './noise/epoch.ts';
import { type HandshakeOptions, requireKeys, sharedSecret } from './noise/options.ts';
import {
  type HandshakePattern,
  type NoiseProtocol,
  otherThan,
  protocolNamed,
  type Role,
  type Token,
  usesPsk,
  writerOf,
} from './noise/patterns.ts';
import { SymmetricState } from './noise/symmetric-state.ts';

export type { HandshakeOptions } from './noise/options.ts';
export type { NoiseProtocol, Role } from './noise/patterns.ts';

/** Whose keys meet: the initiator's first. */
const DH_TOKENS = { ee: ['e', 'e'], es: ['e', 's'], se: ['s', 'e'], ss: ['s', 's'] } as const;

interface KeyPair {
  readonly privateKey: X25519PrivateKey;
  readonly publicKey: Bytes;
}

/**
 * One end of one handshake: messages are written and read in turn, and what fails ends it.
 *
 * Payloads are only as safe as the pattern has got by then (section 7.7): in the first message of `XX` they are in the
 * clear; in the first of any pattern they can be replayed, and be read by who later steals the responder's key or psk.
 */
export class HandshakeState {
  readonly protocol: NoiseProtocol;
  readonly role: Role;
  readonly #primitives: NoisePrimitives;
  readonly #pattern: HandshakePattern;
  readonly #symmetric: SymmetricState;
  readonly #end: SessionEnd;
  readonly #psk: Bytes | undefined;
  readonly #ours: { e?: KeyPair; s?: KeyPair } = {};
  readonly #theirs: { e?: Bytes; s?: Bytes } = {};
  #remoteStaticKey: PublicKey | null = null;
  #done = 0;
  #state: 'under way' | 'failed' | 'split' = 'under way';

  /**
   * @throws SottoError `invalid_option` for an unknown protocol, a key that the pattern needs and that is missing, or one
   * that it has no use for; `invalid_key`; `low_order_point` for a remote key that none can agree with.
   */
  constructor(options: HandshakeOptions) {
    const { protocol, role, prologue = EMPTY, primitives = noisePrimitives } = options;
    const { pattern, cipher } = protocolNamed(protocol);
    assertBytes(prologue, 'prologue');
    requireKeys(options, pattern);
    this.protocol = protocol;
    this.role = role;
    this.#primitives = primitives;
    this.#pattern = pattern;
    this.#end = { suite: { primitives, cipher }, role };
    this.#symmetric = new SymmetricState(this.#end.suite, protocol);
    this.#psk = options.psk === undefined ? undefined : sharedSecret(options.psk);
    if (options.identity !== undefined) this.#ours.s = keyPairOf(options.identity, primitives);
    if (options.remoteStaticKey !== undefined) this.#know(PublicKey.from(options.remoteStaticKey));
    this.#symmetric.mixHash(prologue);
    for (const owner of pattern.known) this.#mixKnownKey(owner);
  }

  /** Whether all messages have been written and read, so that `split` may be called. */
  get isFinished(): boolean {
    return this.#state !== 'failed' && this.#done === this.#pattern.messages.length;
  }

  /** The other end's static key: as given, or as proven by a message that was read. Null where it has none, or not yet. */
  get remoteStaticKey(): PublicKey | null {
    return this.#remoteStaticKey;
  }

  /**
   * A name of this session that only the two ends could have come to, 32 bytes: for channel binding (section 11.2).
   *
   * @throws SottoError `handshake_out_of_turn` before the last message.
   */
  get handshakeHash(): Bytes {
    this.#requireFinished('handshakeHash');
    return this.#symmetric.handshakeHash;
  }

  /**
   * The next message, with a payload (default: none) that is encrypted as far as the pattern has got.
   *
   * @throws SottoError `handshake_out_of_turn`; `frame_too_large` where the message would be longer than 65 535 bytes,
   * which changes nothing; `decrypt_failed` where the other end sent a key that none can agree with.
   */
  writeMessage(payload: Bytes = EMPTY): Bytes {
    assertBytes(payload, 'payload');
    const tokens = this.#takeTurn('writeMessage', this.role);
    const overhead = this.#overheadOf(tokens);
    if (payload.length + overhead > MAX_MESSAGE_SIZE) throw tooLarge(payload, overhead);
    return this.#orFail(() => {
      const parts = tokens.map((token) => this.#write(token));
      const message = concatAll([...parts, this.#symmetric.encryptAndHash(payload)]);
      this.#done += 1;
      return message;
    });
  }

  /**
   * The payload of the next message.
   *
   * @throws SottoError `handshake_out_of_turn`; `decrypt_failed` for whatever is wrong with the message.
   */
  readMessage(message: Bytes): Bytes {
    assertBytes(message, 'message');
    const tokens = this.#takeTurn('readMessage', otherThan(this.role));
    return this.#orFail(() => {
      const shortest = this.#overheadOf(tokens);
      if (message.length < shortest || message.length > MAX_MESSAGE_SIZE) throw decryptFailed();
      const reader = new Reader(message);
      for (const token of tokens) this.#read(token, reader);
      const payload = this.#symmetric.decryptAndHash(reader.rest());
      // Only now: before, the key was claimed and not yet proven.
      if (this.#theirs.s) this.#remoteStaticKey ??= PublicKey.from(this.#theirs.s);
      this.#done += 1;
      return payload;
    });
  }

  /**
   * The keys of the session, `sending` and `receiving` as seen from this end. Works once: the same keys twice would
   * seal two messages under one nonce.
   *
   * @throws SottoError `handshake_out_of_turn`.
   */
  split(): Epoch {
    this.#requireFinished('split');
    if (this.#state === 'split') throw outOfTurn('split works once, and it did.');
    this.#state = 'split';
    this.#forget();
    return new Epoch(this.#end, 0, this.#symmetric.split());
  }

  #takeTurn(method: string, writer: Role): readonly Token[] {
    if (this.#state === 'failed') throw outOfTurn(`${method}: this handshake has failed; begin a new one.`);
    const tokens = this.#pattern.messages[this.#done];
    if (!tokens) throw outOfTurn(`${method}: the handshake is finished; split() gives the keys.`);
    const turn = writerOf(this.#done);
    if (turn === writer) return tokens;
    throw outOfTurn(`${method}: it is the ${turn}'s turn to write, and this end is the ${this.role}.`);
  }

  /** What the keys could be computed from again. */
  #forget(): void {
    delete this.#ours.e;
    this.#psk?.fill(0);
  }

  #requireFinished(method: string): void {
    if (this.isFinished) return;
    const { length } = this.#pattern.messages;
    throw outOfTurn(`${method}: only ${this.#done} of the handshake's ${length} messages have gone through.`);
  }

  #orFail(work: () => Bytes): Bytes {
    try {
      return work();
    } catch (error) {
      this.#state = 'failed';
      this.#symmetric.wipe();
      this.#forget();
      throw error;
    }
  }

  #write(token: Token): Bytes {
    switch (token) {
      case 'e': {
        const pair = this.#primitives.x25519.generate();
        this.#ours.e = pair;
        this.#mixEphemeral(pair.publicKey);
        return pair.publicKey;
      }
      case 's':
        return this.#symmetric.encryptAndHash(needed(this.#ours.s).publicKey);
      default:
        this.#mix(token);
        return EMPTY;
    }
  }

  #read(token: Token, reader: Reader): void {
    switch (token) {
      case 'e':
        // A copy: the message's bytes are the caller's, who may use them again.
        this.#theirs.e = new Uint8Array(reader.bytes(KEY_SIZE));
        this.#mixEphemeral(this.#theirs.e);
        break;
      case 's': {
        const sealed = reader.bytes(KEY_SIZE + this.#symmetric.overhead);
        this.#theirs.s = new Uint8Array(this.#symmetric.decryptAndHash(sealed));
        break;
      }
      default:
        this.#mix(token);
    }
  }

  #mix(token: Exclude<Token, 'e' | 's'>): void {
    if (token === 'psk') this.#symmetric.mixKeyAndHash(needed(this.#psk));
    else this.#mixAgreed(token);
  }

  #mixEphemeral(publicKey: Bytes): void {
    this.#symmetric.mixHash(publicKey);
    // A shared secret stays the same from session to session: the ephemeral key makes what follows from it differ.
    if (usesPsk(this.#pattern)) this.#symmetric.mixKey(publicKey);
  }

  #mixAgreed(token: keyof typeof DH_TOKENS): void {
    const [initiators, responders] = DH_TOKENS[token];
    const initiates = this.role === 'initiator';
    const ours = needed(this.#ours[initiates ? initiators : responders]);
    const theirs = needed(this.#theirs[initiates ? responders : initiators]);
    const agreed = this.#agree(ours.privateKey, theirs);
    this.#symmetric.mixKey(agreed);
    agreed.fill(0);
  }

  #agree(ours: X25519PrivateKey, theirs: Bytes): Bytes {
    const { x25519 } = this.#primitives;
    try {
      return x25519.agree(ours, x25519.importPublic(theirs));
    } catch {
      throw decryptFailed(); // a point of low order, and it came in a message: one that was given is refused at the door
    }
  }

  /** By how much the next message is longer than its payload. */
  #overheadOf(tokens: readonly Token[]): number {
    let tag = this.#symmetric.overhead;
    let size = 0;
    for (const token of tokens) {
      if (token === 's') size += KEY_SIZE + tag;
      else if (token === 'e') size += KEY_SIZE;
      else tag = TAG_SIZE;
    }
    return size + tag;
  }

  #know(key: PublicKey): void {
    const { x25519 } = this.#primitives;
    // With any private key at all: a point of low order agrees with none.
    x25519.agree(x25519.importPrivate(new Uint8Array(KEY_SIZE)), x25519.importPublic(key.bytes));
    this.#remoteStaticKey = key;
    this.#theirs.s = key.bytes;
  }

  #mixKnownKey(owner: Role): void {
    const key = owner === this.role ? this.#ours.s?.publicKey : this.#theirs.s;
    this.#symmetric.mixHash(needed(key));
  }
}

function keyPairOf(identity: Identity, { x25519 }: NoisePrimitives): KeyPair {
  return { privateKey: x25519.importPrivate(identity.privateKey), publicKey: identity.publicKey.bytes };
}

/** A key that the pattern says is there; otherwise the pattern is at fault, not the network. */
function needed<T>(key: T | undefined): T {
  if (key === undefined) throw new Error('The handshake pattern uses a key before it is there.');
  return key;
}

function outOfTurn(text: string): SottoError {
  return new SottoError('handshake_out_of_turn', text);
}
