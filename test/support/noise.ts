/** Noise for tests: chosen ephemeral keys, both ends of a handshake, both ends of a session. */

import assert from 'node:assert/strict';
import { type Bytes, concat } from '../../src/bytes/bytes.ts';
import { Reader } from '../../src/bytes/reader.ts';
import { Writer } from '../../src/bytes/writer.ts';
import type { HandshakeOptions } from '../../src/envelope/noise/options.ts';
import { HandshakeState, type NoiseProtocol, type Role } from '../../src/envelope/noise.ts';
import { RekeyingTransport, type RekeyMessage } from '../../src/envelope/rekey.ts';
import { Identity } from '../../src/keys/identity.ts';
import { noisePrimitives as node } from '../../src/platform/node/noise-crypto.ts';
import type { NoisePrimitives } from '../../src/platform/types.ts';

const PATTERN_NAMES = ['NNpsk0', 'NK', 'IK', 'XX'] as const;

export const PROTOCOLS: readonly NoiseProtocol[] = PATTERN_NAMES.flatMap((pattern) =>
  (['AESGCM', 'ChaChaPoly'] as const).map(
    (cipher): NoiseProtocol => `Noise_${pattern}_25519_${cipher}_SHA256`,
  ),
);

export interface Pair<End> {
  readonly initiator: End;
  readonly responder: End;
}

/** What both ends of a protocol must be given. */
export function handshakeOptions(
  protocol: NoiseProtocol,
  primitives: NoisePrimitives = node,
): Pair<HandshakeOptions> {
  const [client, server] = [Identity.generate(), Identity.generate()];
  const psk = protocol.includes('psk') ? { psk: new Uint8Array(32).fill(9) } : {};
  const pattern = protocol.split('_')[1] ?? '';
  const common = { protocol, primitives, ...psk };
  return {
    initiator: {
      ...common,
      role: 'initiator',
      ...(pattern.startsWith('I') || pattern.startsWith('X') ? { identity: client } : {}),
      ...(pattern.endsWith('K') ? { remoteStaticKey: server.publicKey } : {}),
    },
    responder: {
      ...common,
      role: 'responder',
      ...(pattern.startsWith('NN') ? {} : { identity: server }),
    },
  };
}

export function handshake(protocol: NoiseProtocol, primitives: NoisePrimitives = node): Pair<HandshakeState> {
  const options = handshakeOptions(protocol, primitives);
  return {
    initiator: new HandshakeState(options.initiator),
    responder: new HandshakeState(options.responder),
  };
}

/** All messages that are left, each read before the next one is written. */
export function finish(
  { initiator, responder }: Pair<HandshakeState>,
  payload: Bytes = new Uint8Array(0),
): void {
  for (let at = 0; !(initiator.isFinished && responder.isFinished); at++) {
    const [writer, reader] = at % 2 === 0 ? [initiator, responder] : [responder, initiator];
    assert.deepEqual(reader.readMessage(writer.writeMessage(payload)), payload);
  }
}

/** Two ends of a session whose handshake is over. */
export function session(primitives: NoisePrimitives = node): Pair<RekeyingTransport> {
  const ends = handshake('Noise_NNpsk0_25519_AESGCM_SHA256', primitives);
  finish(ends);
  return {
    initiator: new RekeyingTransport(ends.initiator.split()),
    responder: new RekeyingTransport(ends.responder.split()),
  };
}

export function otherEnd(role: Role): Role {
  return role === 'initiator' ? 'responder' : 'initiator';
}

/** A way to write a rekey message down, for tests alone. */
export function encodeRekey({ type, epoch, publicKey }: RekeyMessage): Bytes {
  return concat(
    new Writer(5)
      .u8(type === 'ask' ? 1 : 2)
      .u32(epoch)
      .finish(),
    publicKey,
  );
}

export function decodeRekey(bytes: Bytes): RekeyMessage {
  const reader = new Reader(bytes);
  return { type: reader.u8() === 1 ? 'ask' : 'answer', epoch: reader.u32(), publicKey: reader.rest() };
}
