/** What a handshake is given, and whether that is what its pattern takes. */

import { assertBytes } from '../../bytes/assert.ts';
import type { Bytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { KeyLike } from '../../keys/key-like.ts';
import type { NoisePrimitives } from '../../platform/types.ts';
import { KEY_SIZE } from './cipher-state.ts';
import {
  type HandshakePattern,
  hasStaticKey,
  type NoiseProtocol,
  otherThan,
  type Role,
  usesPsk,
} from './patterns.ts';

export interface HandshakeOptions {
  readonly protocol: NoiseProtocol;
  /** The initiator writes the first message. */
  readonly role: Role;
  /** What both ends must hold the same for the handshake to succeed; not secret. Default: nothing. */
  readonly prologue?: Bytes;
  /** Our static key pair, in patterns where this end has one. */
  readonly identity?: Identity;
  /** The other end's static key, in patterns where it is known beforehand. */
  readonly remoteStaticKey?: KeyLike;
  /** The shared secret of 32 bytes, in patterns with `psk`. A passphrase is none before it went through scrypt. */
  readonly psk?: Bytes;
  /** The cryptography to compute with. Default: the platform's own. */
  readonly primitives?: NoisePrimitives;
}

/**
 * Neither a key too few nor one too many: whoever gives one believes that it is used.
 *
 * @throws SottoError `invalid_option`.
 */
export function requireKeys(options: HandshakeOptions, pattern: HandshakePattern): void {
  const { role, protocol } = options;
  if (role !== 'initiator' && role !== 'responder') {
    throw new SottoError('invalid_option', `role must be 'initiator' or 'responder'; it is ${String(role)}.`);
  }
  const needs = {
    identity: hasStaticKey(pattern, role),
    remoteStaticKey: pattern.known.includes(otherThan(role)),
    psk: usesPsk(pattern),
  };
  for (const name of ['identity', 'remoteStaticKey', 'psk'] as const) {
    const given = options[name] !== undefined;
    if (needs[name] === given) continue;
    const what = given ? `has no use for ${name}` : `needs ${name}`;
    throw new SottoError('invalid_option', `The ${role} of ${protocol} ${what}.`);
  }
}

/** A copy, which may be wiped. @throws SottoError `invalid_key`. */
export function sharedSecret(psk: Bytes): Bytes {
  assertBytes(psk, 'psk');
  if (psk.length === KEY_SIZE) return new Uint8Array(psk);
  throw new SottoError('invalid_key', `psk must have ${KEY_SIZE} bytes; this one has ${psk.length}.`);
}
