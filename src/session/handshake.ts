/**
 * Who a session is with: the handshake of both ends, by a shared secret or by keys.
 *
 * A passphrase becomes the shared secret by scrypt (N = 2^16, r = 8, p = 1), salted with the protocol's name alone: both
 * ends must come to the same 32 bytes without having met. So one guess costs the same against every session of that
 * passphrase; who needs more draws 32 bytes at random.
 *
 * Source: specs/native.md, section 4.
 */

import { primitives } from '#crypto';
import { type Bytes, concat } from '../bytes/bytes.ts';
import { encodeHex, encodeUtf8 } from '../bytes/text.ts';
import { HandshakeState, type NoiseProtocol } from '../envelope/noise.ts';
import { RekeyingTransport } from '../envelope/rekey.ts';
import { codeOf, SottoError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import type { IdentityRing } from '../keys/identity-ring.ts';
import type { PublicKey } from '../keys/public-key.ts';
import {
  type ClientHello,
  decodeClientHello,
  decodeGreeting,
  decodeServerHello,
  encodeClientHello,
  encodeGreeting,
  encodeServerHello,
  prologueOf,
  SESSION_ID_SIZE,
  type ServerHello,
  type SessionProtocol,
} from '../wire/session.ts';

/** What a client has: a secret that both share, or the server's key, and perhaps its own. */
export type ClientCredentials =
  | { readonly psk: Bytes }
  | { readonly serverKey: PublicKey; readonly identity: Identity | null };

/** What a server has: either, or both. */
export interface ServerCredentials {
  readonly psk: Bytes | null;
  readonly identities: IdentityRing | null;
}

const NOISE: Readonly<Record<SessionProtocol, NoiseProtocol>> = {
  NNpsk0: 'Noise_NNpsk0_25519_AESGCM_SHA256',
  IK: 'Noise_IK_25519_AESGCM_SHA256',
  NK: 'Noise_NK_25519_AESGCM_SHA256',
};
const SECRET_SIZE = 32;
const LEAST_PASSPHRASE = 12;
const SALT = 'sotto/session/1';
const SCRYPT = { N: 2 ** 16, r: 8, p: 1 } as const;

/**
 * The secret that both ends hold, 32 bytes.
 *
 * @param secret 32 bytes, or a passphrase of at least 12.
 * @throws SottoError `invalid_option`.
 */
export async function pskOf(secret: Bytes | string): Promise<Bytes> {
  if (typeof secret !== 'string') {
    if (secret.length === SECRET_SIZE) return secret;
    throw new SottoError(
      'invalid_option',
      `secret has ${secret.length} bytes; it must have 32, or be a text.`,
    );
  }
  const bytes = encodeUtf8(secret);
  if (bytes.length < LEAST_PASSPHRASE) {
    const text = `secret has ${bytes.length} bytes; ${LEAST_PASSPHRASE} are the least, better four random words.`;
    throw new SottoError('invalid_option', text);
  }
  return primitives.scrypt(bytes, encodeUtf8(SALT), SCRYPT, SECRET_SIZE);
}

/** The name of a session, 32 hex digits, which tells nothing of the secret by which it goes on. */
export function sessionIdOf(secret: Bytes): string {
  return encodeHex(primitives.sha256(secret).subarray(0, SESSION_ID_SIZE));
}

/** The client's end of one handshake. */
export class ClientHandshake {
  /** What opens the connection. */
  readonly first: Bytes;
  readonly #state: HandshakeState;

  /** @param host the name by which the client knows the server; 255 bytes at the most. */
  constructor(credentials: ClientCredentials, host: string, hello: ClientHello) {
    const protocol = protocolOf(credentials);
    const greeting = encodeGreeting(protocol, host);
    this.#state = new HandshakeState({
      ...{ protocol: NOISE[protocol], role: 'initiator', prologue: prologueOf(greeting) },
      ...keysOf(credentials),
    });
    this.first = concat(greeting, this.#state.writeMessage(encodeClientHello(hello)));
  }

  /** @throws SottoError `decrypt_failed`, `invalid_message`. */
  finish(answer: Bytes): { readonly hello: ServerHello; readonly transport: RekeyingTransport } {
    const hello = decodeServerHello(this.#state.readMessage(answer));
    return { hello, transport: new RekeyingTransport(this.#state.split()) };
  }
}

/** The server's end. */
export class ServerHandshake {
  readonly hello: ClientHello;
  /** As proved; null for an anonymous client, or one that shows no more than the shared secret. */
  readonly sender: PublicKey | null;
  /** The key that the client knows this server by; null for a secret. */
  readonly serverKey: PublicKey | null;
  /** When that key ends, ms since 1970; null for the current one, and for a secret. */
  readonly keyEndsAt: number | null;
  readonly #state: HandshakeState;

  /** @throws SottoError `decrypt_failed`, `invalid_message`, and others: whatever it is, it is none of the sender's business. */
  constructor(credentials: ServerCredentials, first: Bytes) {
    const { state, hello, serverKey, keyEndsAt } = read(credentials, first);
    this.#state = state;
    this.serverKey = serverKey;
    this.keyEndsAt = keyEndsAt;
    this.hello = decodeClientHello(hello);
    this.sender = state.remoteStaticKey;
  }

  answer(hello: ServerHello): { readonly message: Bytes; readonly transport: RekeyingTransport } {
    const told = this.keyEndsAt === null ? hello : { ...hello, newerKey: true };
    const message = this.#state.writeMessage(encodeServerHello(told));
    return { message, transport: new RekeyingTransport(this.#state.split()) };
  }
}

/** A first message that has been read. */
interface ReadFirst {
  readonly state: HandshakeState;
  readonly hello: Bytes;
  readonly serverKey: PublicKey | null;
  readonly keyEndsAt: number | null;
}

function read({ psk, identities }: ServerCredentials, first: Bytes): ReadFirst {
  const { protocol, message, prologue } = decodeGreeting(first);
  const reading = (keys: { psk: Bytes } | { identity: Identity }, keyEndsAt: number | null): ReadFirst => {
    const state = new HandshakeState({ protocol: NOISE[protocol], role: 'responder', prologue, ...keys });
    const serverKey = 'identity' in keys ? keys.identity.publicKey : null;
    return { state, hello: state.readMessage(message), serverKey, keyEndsAt };
  };
  if (protocol === 'NNpsk0') {
    if (!psk) throw new SottoError('decrypt_failed', 'There is no shared secret here.');
    return reading({ psk }, null);
  }
  if (!identities) throw new SottoError('decrypt_failed', 'There is no key here.');
  const { current, previous } = identities;
  try {
    return reading({ identity: current }, null);
  } catch (error) {
    return readWithPrevious(previous, reading, error);
  }
}

/** The handshake is bound to the server's key from its start: each key needs a reading of its own. */
function readWithPrevious(
  previous: IdentityRing['previous'],
  reading: (keys: { identity: Identity }, keyEndsAt: number) => ReadFirst,
  failure: unknown,
): ReadFirst {
  if (codeOf(failure) !== 'decrypt_failed') throw failure;
  for (const { identity, until } of previous) {
    try {
      return reading({ identity }, until);
    } catch (error) {
      if (codeOf(error) !== 'decrypt_failed') throw error;
    }
  }
  throw failure;
}

function protocolOf(credentials: ClientCredentials): SessionProtocol {
  if ('psk' in credentials) return 'NNpsk0';
  return credentials.identity ? 'IK' : 'NK';
}

function keysOf(credentials: ClientCredentials): Partial<ConstructorParameters<typeof HandshakeState>[0]> {
  if ('psk' in credentials) return { psk: credentials.psk };
  const { serverKey, identity } = credentials;
  return { remoteStaticKey: serverKey, ...(identity ? { identity } : {}) };
}
