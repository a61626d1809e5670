/** Noise as sessions use it: the vectors of three other implementations, whole, and first messages altered on the way. */

import { decodeHex, encodeHex } from '../../bytes/text.ts';
import type { Fields, Question } from '../case.ts';
import { cut, flipped } from '../damage.ts';
import { readVectors } from '../vectors.ts';

interface NoiseVector {
  readonly protocol_name?: string;
  /** The same in noise-c's file. */
  readonly name?: string;
  readonly [field: string]: unknown;
  readonly handshake_hash?: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

const { sources } = readVectors<{
  readonly sources: readonly { readonly repository: string; readonly vectors: readonly NoiseVector[] }[];
}>('noise');

export function noiseQuestions(): Question[] {
  return sources.flatMap(({ repository, vectors }) =>
    vectors.flatMap((vector) => [whole(repository, vector), ...damagedFirst(repository, vector)]),
  );
}

function protocolOf({ protocol_name, name }: NoiseVector): string {
  return String(protocol_name ?? name);
}

/** What an end is given before the handshake. */
function endOf(vector: NoiseVector, prefix: 'init' | 'resp'): Fields {
  const psks = vector[`${prefix}_psks`];
  return {
    prologue: vector[`${prefix}_prologue`],
    ephemeral: vector[`${prefix}_ephemeral`],
    static: vector[`${prefix}_static`] ?? null,
    remoteStatic: vector[`${prefix}_remote_static`] ?? null,
    psk: (Array.isArray(psks) && psks[0]) || null,
  };
}

/** Both ends are the program's, and everything they say is known. */
function whole(repository: string, vector: NoiseVector): Question {
  const protocol = protocolOf(vector);
  const { messages, handshake_hash: handshakeHash } = vector;
  const ciphertexts = messages.map(({ ciphertext }) => ciphertext);
  return {
    operation: 'noise-conversation',
    name: `${protocol}, ${repository}`,
    input: {
      protocol,
      initiator: endOf(vector, 'init'),
      responder: endOf(vector, 'resp'),
      payloads: messages.map(({ payload }) => payload),
    },
    accepts: [{ output: handshakeHash === undefined ? { ciphertexts } : { ciphertexts, handshakeHash } }],
  };
}

/** Nothing of XX's first message is authenticated, and so nothing altered in it is noticed. */
function damagedFirst(repository: string, vector: NoiseVector): Question[] {
  const protocol = protocolOf(vector);
  const [first] = vector.messages;
  if (first === undefined || protocol.includes('_XX_')) return [];
  const message = decodeHex(first.ciphertext);
  const input = { protocol, responder: endOf(vector, 'resp') };
  const operation = 'noise-read-first';
  const name = `${protocol}, ${repository}: first message`;
  return [
    {
      operation,
      name,
      input: { ...input, message: first.ciphertext },
      accepts: [{ output: { payload: first.payload } }],
    },
    ...[...flipped(message), ...cut(message, [0, 32])].map(
      ({ how, bytes }): Question => ({
        ...{ operation, name: `${name}, ${how}`, input: { ...input, message: encodeHex(bytes) } },
        accepts: ['rejected'],
      }),
    ),
  ];
}
