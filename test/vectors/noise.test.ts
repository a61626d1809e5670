/** The vectors of three other implementations of Noise, whole, from both ends and on both sets of primitives. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import type { Epoch } from '../../src/envelope/noise/epoch.ts';
import { HandshakeState, type NoiseProtocol, type Role } from '../../src/envelope/noise.ts';
import { Identity } from '../../src/keys/identity.ts';
import { noisePrimitives as node } from '../../src/platform/node/noise-crypto.ts';
import type { NoisePrimitives } from '../../src/platform/types.ts';
import { noisePrimitives as web } from '../../src/platform/web/noise-crypto.ts';
import { withEphemeral } from '../../src/conformance/testee/native.ts';

interface Vector {
  readonly protocol_name?: NoiseProtocol;
  /** The same in noise-c's file. */
  readonly name?: NoiseProtocol;
  readonly init_prologue: string;
  readonly resp_prologue: string;
  readonly init_static?: string;
  readonly resp_static?: string;
  readonly init_remote_static?: string;
  readonly resp_remote_static?: string;
  readonly init_psks?: readonly string[];
  readonly resp_psks?: readonly string[];
  readonly init_ephemeral: string;
  readonly resp_ephemeral: string;
  readonly handshake_hash?: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

interface Source {
  readonly repository: string;
  readonly path: string;
  readonly commit: string;
  readonly licence: string;
  readonly vectors: readonly Vector[];
}

const { sources } = JSON.parse(readFileSync(new URL('../../conformance/vectors/noise.json', import.meta.url), 'utf8')) as {
  sources: readonly Source[];
};

function endOf(vector: Vector, role: Role, primitives: NoisePrimitives): HandshakeState {
  const prefix = role === 'initiator' ? 'init' : 'resp';
  const identity = vector[`${prefix}_static`];
  const remoteStaticKey = vector[`${prefix}_remote_static`];
  const psk = vector[`${prefix}_psks`]?.[0];
  return new HandshakeState({
    protocol: vector.protocol_name ?? vector.name ?? assert.fail('no name'),
    role,
    prologue: decodeHex(vector[`${prefix}_prologue`]),
    primitives: withEphemeral(primitives, decodeHex(vector[`${prefix}_ephemeral`])),
    ...(identity === undefined ? {} : { identity: Identity.from(identity) }),
    ...(remoteStaticKey === undefined ? {} : { remoteStaticKey }),
    ...(psk === undefined ? {} : { psk: decodeHex(psk) }),
  });
}

/** The end that writes a message of the vector, and the one that reads it; in the handshake and after it. */
function inTurn<End>(at: number, initiator: End, responder: End): readonly [End, End] {
  return at % 2 === 0 ? [initiator, responder] : [responder, initiator];
}

function runTransport(vector: Vector, first: number, initiator: Epoch, responder: Epoch): void {
  for (const [at, { payload, ciphertext }] of vector.messages.entries()) {
    if (at < first) continue;
    const [writer, reader] = inTurn(at, initiator, responder);
    const sealed = writer.sending.encryptWithAd(EMPTY, decodeHex(payload));
    assert.equal(encodeHex(sealed), ciphertext, `message ${at}`);
    assert.equal(encodeHex(reader.receiving.decryptWithAd(EMPTY, sealed)), payload, `message ${at}`);
  }
}

function run(vector: Vector, ours: NoisePrimitives, theirs: NoisePrimitives): void {
  const initiator = endOf(vector, 'initiator', ours);
  const responder = endOf(vector, 'responder', theirs);
  let at = 0;
  for (; !initiator.isFinished; at++) {
    const { payload, ciphertext } = vector.messages[at] ?? assert.fail('too few messages');
    const [writer, reader] = inTurn(at, initiator, responder);
    const message = writer.writeMessage(decodeHex(payload));
    assert.equal(encodeHex(message), ciphertext, `message ${at}`);
    assert.equal(encodeHex(reader.readMessage(message)), payload, `message ${at}`);
  }
  assert.ok(responder.isFinished);
  assert.deepEqual(initiator.handshakeHash, responder.handshakeHash);
  if (vector.handshake_hash !== undefined) {
    assert.equal(encodeHex(initiator.handshakeHash), vector.handshake_hash);
  }
  requireStaticKey(responder, vector.init_static);
  requireStaticKey(initiator, vector.resp_static);
  assert.ok(at < vector.messages.length, 'there are transport messages');
  runTransport(vector, at, initiator.split(), responder.split());
}

function requireStaticKey(end: HandshakeState, privateKey: string | undefined): void {
  const expected = privateKey === undefined ? null : Identity.from(privateKey).publicKey.toString();
  assert.equal(end.remoteStaticKey?.toString() ?? null, expected);
}

test('every pattern with every cipher is there, by three implementations (NNpsk0 by one)', () => {
  const names = sources.flatMap(({ vectors }) => vectors.map((each) => each.protocol_name ?? each.name));
  assert.deepEqual([names.length, new Set(names).size], [20, 8]);
});

for (const { repository, vectors } of sources) {
  describe(repository, () => {
    for (const vector of vectors) {
      for (const [ours, theirs] of [[node, node], [web, web], [node, web]] as const) {
        test(`${vector.protocol_name ?? vector.name}, ${ours.name} with ${theirs.name}`, () => run(vector, ours, theirs));
      }
    }
  });
}
