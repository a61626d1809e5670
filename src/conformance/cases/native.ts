/** Our own additions: suites, routed messages, sessions, sealed topics and Noise. */

import { decodeHex, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { CipherSuite } from '../../envelope/pssst.ts';
import { TopicCipher } from '../../envelope/topic.ts';
import { TopicKeyring } from '../../keys/topic-keyring.ts';
import { type Case, caseOf, type Fields, type Question } from '../case.ts';
import { cut, type Damaged, flipped, longer } from '../damage.ts';
import { bytesOf, textOf } from '../fields.ts';
import { readVectors } from '../vectors.ts';
import { exchangeCases } from './exchange.ts';
import { noiseQuestions } from './noise.ts';

const FAMILY = 'native';

interface Sample {
  readonly format: string;
  readonly name: string;
  readonly bytes: string;
}

const native = readVectors<{
  readonly formats: readonly (Sample & { readonly fields: Fields; readonly padTo?: number })[];
  readonly rejected: readonly Sample[];
  readonly topics: readonly { readonly name: string; readonly input: Fields; readonly body: string }[];
}>('native');

const suites = readVectors<{
  readonly vectors: readonly ({ readonly suite: CipherSuite } & Fields)[];
}>('native-suites');

export function nativeCases(): Case[] {
  const questions = [...formatQuestions(), ...topicQuestions(), ...suiteQuestions(), ...noiseQuestions()];
  return [
    ...questions.map((question) => caseOf(FAMILY, question)),
    ...exchangeCases(FAMILY, CipherSuite.X25519_AESGCM256),
    ...exchangeCases(FAMILY, CipherSuite.MLKEM768X25519_AESGCM256),
  ];
}

function formatQuestions(): Question[] {
  return [
    ...native.formats.flatMap(({ format, name, fields, bytes, padTo = 0 }): Question[] => [
      { operation: `encode-${format}`, name, input: { ...fields, padTo }, accepts: [{ output: { bytes } }] },
      { operation: `decode-${format}`, name, input: { bytes }, accepts: [{ output: fields }] },
    ]),
    ...native.rejected.map(
      ({ format, name, bytes }): Question => ({
        ...{ operation: `decode-${format}`, name, input: { bytes } },
        accepts: ['rejected'],
      }),
    ),
  ];
}

/** Messages that were sealed, what they become on the way, and one that the program seals. */
function topicQuestions(): Question[] {
  return native.topics.flatMap(({ name, input, body }) => {
    const sealed = bytesOf(input, 'message');
    const { message, ...rest } = input;
    const elsewhere = { ...input, topic: encodeHex(encodeUtf8('elsewhere')) };
    return [
      { operation: 'open-topic', name, input, accepts: [{ output: { body } }] },
      {
        operation: 'open-topic',
        name: `${name}: moved to another topic`,
        input: elsewhere,
        accepts: ['rejected'],
      },
      ...damaged([...flipped(sealed), ...cut(sealed, [0, 1, 5, 17, 33])], 'open-topic', name, (bytes) => ({
        ...input,
        message: encodeHex(bytes),
      })),
      {
        operation: 'seal-topic',
        name,
        input: { ...rest, body },
        accepts: [{ describes: `what opens as ${body}`, check: (made) => opened(rest, made) === body }],
      },
    ];
  });
}

function opened(input: Fields, made: Fields): string {
  const keyring = TopicKeyring.from({ secrets: textOf(input, 'secret') });
  return encodeHex(new TopicCipher(keyring).open(bytesOf(input, 'topic'), bytesOf(made, 'message')));
}

/** Packets kept since the first release, and what they become on the way. */
function suiteQuestions(): Question[] {
  return suites.vectors.flatMap(({ suite, serverPrivate, packet, message, clientPublic }) => {
    const name = `suite ${suite}, ${clientPublic === null ? 'anonymous' : 'with proof'}`;
    const input = { suite, serverPrivate, packet };
    const bytes = decodeHex(String(packet));
    return [
      { operation: 'unpack-request', name, input, accepts: [{ output: { message, clientPublic } }] },
      ...damaged(
        [...flipped(bytes), ...cut(bytes, [0, 4, 36]), longer(bytes)],
        'unpack-request',
        name,
        (altered) => ({
          ...input,
          packet: encodeHex(altered),
        }),
      ),
    ];
  });
}

function damaged(
  all: readonly Damaged[],
  operation: string,
  name: string,
  inputOf: (bytes: Uint8Array) => Fields,
): Question[] {
  return all.map(({ how, bytes }) => ({
    ...{ operation, name: `${name}: ${how}`, input: inputOf(bytes) },
    accepts: ['rejected'],
  }));
}
