/**
 * PSSST: one sealed packet asks, one sealed packet answers, and the server keeps nothing between them.
 *
 * Pure and synchronous; runs on Node (node:crypto) and in browsers (noble). Sources: specs/pssst.md and, for Sotto's
 * own cipher suites, specs/native.md, section 7.
 */

import { primitives as platformPrimitives } from '#crypto';
import { assertBytes } from '../bytes/assert.ts';
import { type Bytes, concat, sameBytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { hybridPublicKey } from '../keys/hybrid-key.ts';
import { type KeyLike, rawKey, rawPrivateKey } from '../keys/key-like.ts';
import type { Primitives } from '../platform/types.ts';
import {
  CipherSuite,
  decodeHeader,
  decodePacket,
  encodeHeader,
  exchangeOf,
  FLAG_CLIENT_AUTH,
  FLAG_REPLY,
  HEADER_SIZE,
  layoutOf,
  namesNoSuite,
  REPLY_PARAMETER_SIZE,
  type RequestPacket,
  TAG_SIZE,
} from '../wire/pssst.ts';
import { HYBRID_SEED_SIZE, hybridKeyFromSeed } from './kem.ts';
import type { ClientSuite, ExchangeKeys, ServerSuite } from './suite.ts';
import { NONCE_SIZE } from './suite.ts';
import { clientSuite1, serverSuite1 } from './suite-1.ts';
import {
  hybridOwner,
  hybridRecipient,
  nativeClientSuite,
  nativeServerSuite,
  x25519Owner,
  x25519Recipient,
} from './suite-native.ts';

export type { Bytes } from '../bytes/bytes.ts';
export { SottoError } from '../errors.ts';
export type { KeyLike } from '../keys/key-like.ts';
export type { Primitives } from '../platform/types.ts';
export { CipherSuite } from '../wire/pssst.ts';

const NO_BYTES = new Uint8Array(0);

/** Options of both ends. */
export interface PssstOptions {
  /** Default {@link CipherSuite}.X25519_AESGCM128, which the PSSST project's own programs speak. */
  readonly cipherSuite?: CipherSuite;
  /** The cryptography to compute with. Default: the platform's own. */
  readonly primitives?: Primitives;
}

/** Of a client of packets. */
export interface PssstClientOptions extends PssstOptions {
  /** 32 bytes or their hex: proves who asks. Default: the client stays anonymous. */
  readonly clientPrivateKey?: Bytes | string;
}

/** A request ready to be sent, as often as wanted: copies are the same request. */
export interface PackedRequest {
  readonly packet: Bytes;
  /** The 32 bytes at offset 4 of every reply to this request: what to match replies by. */
  readonly exchange: Bytes;
  /**
   * The reply's message. Works once; a bad packet does not use it up, so a forged reply does no harm.
   *
   * @throws SottoError `packet_too_short`, `unsupported_cipher`, `not_a_reply`, `reply_mismatch`, `decrypt_failed`,
   * `handler_reused`.
   */
  unpackReply(packet: Bytes): Bytes;
  /** As `unpackReply`, but any number of times: for a client that may be answered twice. */
  openReply(packet: Bytes): Bytes;
}

/** A request that opened. */
export interface UnpackedRequest {
  readonly cipherSuite: CipherSuite;
  readonly message: Bytes;
  /** 32 bytes, as proven; null for an anonymous client. */
  readonly clientPublicKey: Bytes | null;
  /** The 32 bytes that name this exchange: the same for every copy of the request. */
  readonly exchange: Bytes;
  /**
   * The reply packet. Works once; sending the same packet again is always safe.
   *
   * @throws SottoError `handler_reused`.
   */
  packReply(message: Bytes): Bytes;
  /**
   * A further, different reply to the same request; only in suites whose replies carry their own nonce.
   *
   * @throws SottoError `handler_reused` in suite 1, where it would give both texts away.
   */
  packAnotherReply(message: Bytes): Bytes;
}

/**
 * A fresh key pair for a cipher suite (default suite 1): 32 bytes each, or a seed of 32 and a public key of 1216 bytes
 * for the post-quantum suite.
 *
 * @throws SottoError `unsupported_cipher`.
 */
export function generateKeyPair(
  cipherSuite: CipherSuite = CipherSuite.X25519_AESGCM128,
  primitives: Primitives = platformPrimitives,
): { privateKey: Bytes; publicKey: Bytes } {
  layoutOf(cipherSuite);
  if (cipherSuite === CipherSuite.MLKEM768X25519_AESGCM256) {
    const privateKey = primitives.randomBytes(HYBRID_SEED_SIZE);
    return { privateKey, publicKey: hybridKeyFromSeed(primitives, privateKey).publicKey };
  }
  const { privateKey, publicKey } = primitives.x25519.generate();
  return { privateKey: primitives.x25519.exportPrivate(privateKey), publicKey };
}

/**
 * Asks one server.
 *
 * @example
 * ```ts
 * import { generateKeyPair, PssstClient, PssstServer } from 'sotto/pssst';
 * const keys = generateKeyPair();
 * const client = new PssstClient(keys.publicKey);
 * const server = new PssstServer(keys.privateKey);
 *
 * const asked = client.packRequest(new TextEncoder().encode('The Magic Words are Squeamish Ossifrage'));
 * const received = server.unpackRequest(asked.packet);
 * const reply = received.packReply(received.message);
 * console.log(new TextDecoder().decode(asked.unpackReply(reply)));
 * ```
 */
export class PssstClient {
  readonly cipherSuite: CipherSuite;
  readonly #primitives: Primitives;
  readonly #suite: ClientSuite;
  readonly #header: Bytes;
  readonly #clientAuth: boolean;

  /**
   * @param serverPublicKey 32 bytes, their hex or a `sotto1…` text; for suite 0x5301 the 1216-byte key.
   * @throws SottoError `invalid_key`, `unsupported_cipher`, `low_order_point`.
   */
  constructor(serverPublicKey: KeyLike, options: PssstClientOptions = {}) {
    const { cipherSuite = CipherSuite.X25519_AESGCM128, primitives = platformPrimitives } = options;
    layoutOf(cipherSuite);
    const { clientPrivateKey } = options;
    const clientKey =
      clientPrivateKey === undefined ? null : rawPrivateKey(clientPrivateKey, 'The client private key');
    this.cipherSuite = cipherSuite;
    this.#primitives = primitives;
    this.#suite = clientSuite(primitives, cipherSuite, serverPublicKey, clientKey);
    this.#clientAuth = clientKey !== null;
    this.#header = encodeHeader(cipherSuite, false, this.#clientAuth);
  }

  /** Seals `message` (any number of bytes) in a packet of its own key. */
  packRequest(message: Bytes): PackedRequest {
    assertBytes(message, 'message');
    const { exchangeParameter, keys, proof } = this.#suite.begin(this.#header);
    const packet = this.#seal(exchangeParameter, keys, proof, message);
    const exchange = exchangeName(this.#primitives, exchangeParameter);
    const openReply = (reply: Bytes): Bytes => this.#open(reply, exchange, keys);
    let answered = false;
    return {
      packet,
      exchange,
      openReply,
      unpackReply(reply) {
        if (answered) throw reused('unpackReply');
        const opened = openReply(reply);
        answered = true;
        return opened;
      },
    };
  }

  #seal(exchangeParameter: Bytes, keys: ExchangeKeys, proof: readonly Bytes[], message: Bytes): Bytes {
    const bodyStart = HEADER_SIZE + exchangeParameter.length;
    let size = bodyStart + message.length + TAG_SIZE;
    for (const part of proof) size += part.length;
    const packet = new Uint8Array(size);
    packet.set(this.#header);
    packet.set(exchangeParameter, HEADER_SIZE);
    const associatedData = associatedDataOf(this.cipherSuite, this.#header, exchangeParameter);
    const plaintext = proof.length === 0 ? [message] : [...proof, message];
    this.#primitives.aesGcm.seal(
      keys.requestKey,
      keys.requestNonce,
      associatedData,
      plaintext,
      packet,
      bodyStart,
    );
    return packet;
  }

  #open(reply: Bytes, exchange: Bytes, keys: ExchangeKeys): Bytes {
    assertBytes(reply, 'packet');
    this.#requireMatch(reply, exchange);
    const packet = decodePacket(reply);
    if (packet.type !== 'reply') throw notAReply();
    const nonce = keys.replyNonce ?? packet.nonce;
    // The header as received is authenticated, so that a flipped bit in it is noticed.
    const associatedData = associatedDataOf(this.cipherSuite, packet.header, exchange);
    const message = this.#primitives.aesGcm.open(keys.replyKey, nonce, associatedData, packet.sealed);
    if (message === null) throw decryptFailed('reply');
    return message;
  }

  #requireMatch(reply: Bytes, exchange: Bytes): void {
    const { flags, suite } = decodeHeader(reply);
    const layout = namesNoSuite(reply) ? null : layoutOf(suite);
    if ((flags & FLAG_REPLY) === 0) throw notAReply();
    const clientAuth = (flags & FLAG_CLIENT_AUTH) !== 0;
    const received = exchangeOf(reply);
    const matches =
      suite === this.cipherSuite &&
      clientAuth === this.#clientAuth &&
      received !== undefined &&
      sameBytes(received, exchange);
    if (!matches || layout === null) {
      throw new SottoError('reply_mismatch', 'This reply answers another request.');
    }
    const shortest = HEADER_SIZE + REPLY_PARAMETER_SIZE + layout.replyNonceSize + TAG_SIZE;
    if (reply.length < shortest) throw decryptFailed('reply');
  }
}

/**
 * Opens requests and seals their replies, of one cipher suite; see {@link PssstClient} for an example.
 */
export class PssstServer {
  readonly cipherSuite: CipherSuite;
  readonly #primitives: Primitives;
  readonly #suite: ServerSuite;

  /**
   * @param serverPrivateKey 32 bytes or their hex; for suite 0x5301 the 32-byte seed.
   * @throws SottoError `invalid_key`, `unsupported_cipher`.
   */
  constructor(serverPrivateKey: Bytes | string, options: PssstOptions = {}) {
    const { cipherSuite = CipherSuite.X25519_AESGCM128, primitives = platformPrimitives } = options;
    layoutOf(cipherSuite);
    this.cipherSuite = cipherSuite;
    this.#primitives = primitives;
    this.#suite = serverSuite(
      primitives,
      cipherSuite,
      rawPrivateKey(serverPrivateKey, 'The server private key'),
    );
  }

  /**
   * The message of a request packet, who sent it, and the way to answer.
   *
   * @throws SottoError `packet_too_short`, `unsupported_cipher`, `not_a_request`, `low_order_point`, `decrypt_failed`,
   * `client_auth_failed`. To the sender, treat them all alike: silence.
   */
  unpackRequest(packet: Bytes): UnpackedRequest {
    assertBytes(packet, 'packet');
    const request = this.#requireRequest(packet);
    const keys = this.#suite.accept(request);
    const associatedData = associatedDataOf(this.cipherSuite, request.header, request.exchangeParameter);
    const { requestKey, requestNonce } = keys;
    const plaintext = this.#primitives.aesGcm.open(requestKey, requestNonce, associatedData, request.sealed);
    if (plaintext === null) throw decryptFailed('request');
    const { proofSize } = layoutOf(this.cipherSuite);
    const clientPublicKey = request.clientAuth ? this.#verifyProof(request, plaintext, proofSize) : null;
    const exchange = exchangeName(this.#primitives, request.exchangeParameter);
    const seal = (reply: Bytes): Bytes => this.#sealReply(request.clientAuth, exchange, keys, reply);
    let answered = false;
    return {
      cipherSuite: this.cipherSuite,
      message: request.clientAuth ? plaintext.subarray(proofSize) : plaintext,
      clientPublicKey,
      exchange,
      packReply(reply) {
        if (answered) throw reused('packReply');
        const packet = seal(reply);
        answered = true;
        return packet;
      },
      packAnotherReply(reply) {
        if (keys.replyNonce !== null) throw reused('The reply nonce of suite 1');
        return seal(reply);
      },
    };
  }

  #requireRequest(packet: Bytes): RequestPacket {
    const { flags, suite } = decodeHeader(packet);
    layoutOf(suite);
    if ((flags & FLAG_REPLY) !== 0)
      throw new SottoError('not_a_request', 'This packet is a reply, not a request.');
    if (suite !== this.cipherSuite) {
      throw new SottoError(
        'unsupported_cipher',
        `This server speaks suite ${this.cipherSuite}, not ${suite}.`,
      );
    }
    const request = decodePacket(packet);
    if (request.type === 'request') return request;
    throw new SottoError('not_a_request', 'This packet is a reply, not a request.');
  }

  #verifyProof(request: RequestPacket, plaintext: Bytes, proofSize: number): Bytes {
    if (plaintext.length < proofSize) {
      throw new SottoError(
        'packet_too_short',
        `The client's proof has ${plaintext.length} of ${proofSize} bytes.`,
      );
    }
    return this.#suite.verifyProof(request, plaintext.subarray(0, proofSize)).slice();
  }

  #sealReply(clientAuth: boolean, exchange: Bytes, keys: ExchangeKeys, message: Bytes): Bytes {
    assertBytes(message, 'message');
    const header = encodeHeader(this.cipherSuite, true, clientAuth);
    const carried = keys.replyNonce === null ? this.#primitives.randomBytes(NONCE_SIZE) : NO_BYTES;
    const nonceStart = HEADER_SIZE + REPLY_PARAMETER_SIZE;
    const bodyStart = nonceStart + carried.length;
    const packet = new Uint8Array(bodyStart + message.length + TAG_SIZE);
    packet.set(header);
    packet.set(exchange, HEADER_SIZE);
    packet.set(carried, nonceStart);
    const associatedData = associatedDataOf(this.cipherSuite, header, exchange);
    const nonce = keys.replyNonce ?? carried;
    this.#primitives.aesGcm.seal(keys.replyKey, nonce, associatedData, [message], packet, bodyStart);
    return packet;
  }
}

function clientSuite(
  primitives: Primitives,
  suite: CipherSuite,
  server: KeyLike,
  client: Bytes | null,
): ClientSuite {
  if (suite === CipherSuite.MLKEM768X25519_AESGCM256) {
    return nativeClientSuite(primitives, hybridRecipient(primitives, hybridPublicKey(server)), client);
  }
  const publicKey = rawKey(server, 'The server public key');
  return suite === CipherSuite.X25519_AESGCM128
    ? clientSuite1(primitives, publicKey, client)
    : nativeClientSuite(primitives, x25519Recipient(primitives, publicKey), client);
}

function serverSuite(primitives: Primitives, suite: CipherSuite, privateKey: Bytes): ServerSuite {
  if (suite === CipherSuite.MLKEM768X25519_AESGCM256) {
    return nativeServerSuite(primitives, hybridOwner(primitives, hybridKeyFromSeed(primitives, privateKey)));
  }
  const imported = primitives.x25519.importPrivate(privateKey);
  return suite === CipherSuite.X25519_AESGCM128
    ? serverSuite1(primitives, imported)
    : nativeServerSuite(primitives, x25519Owner(primitives, imported));
}

/** A parameter of 32 bytes names its exchange; a longer one by its SHA-256. */
function exchangeName(primitives: Primitives, exchangeParameter: Bytes): Bytes {
  return exchangeParameter.length === REPLY_PARAMETER_SIZE
    ? exchangeParameter
    : primitives.sha256(exchangeParameter);
}

/** In suite 1 the exchange parameter is bound by the key derivation alone. */
function associatedDataOf(suite: CipherSuite, header: Bytes, exchange: Bytes): Bytes {
  return suite === CipherSuite.X25519_AESGCM128 ? header : concat(header, exchange);
}

function notAReply(): SottoError {
  return new SottoError('not_a_reply', 'This packet is a request, not a reply.');
}

function decryptFailed(what: 'request' | 'reply'): SottoError {
  return new SottoError('decrypt_failed', `The ${what} does not open: another key, or altered on the way.`);
}

function reused(name: string): SottoError {
  return new SottoError('handler_reused', `${name} works once, and it did.`);
}
