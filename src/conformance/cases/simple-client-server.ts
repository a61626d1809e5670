/** simple_client_server's messages, its textbook RSA and its values: the vectors of both versions, and hostile pickles. */

import { decodeHex, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { type LegacyKeyPair, serverKeyPair } from '../../lookup/legacy/keys.ts';
import { openPayload } from '../../lookup/unsealed.ts';
import { decodeReply } from '../../wire/simple-client-server.ts';
import { type Acceptable, type Case, caseOf, type Fields, type Question } from '../case.ts';
import { textOf } from '../fields.ts';
import { acceptsOf, readVectors, type Vector } from '../vectors.ts';

const FAMILY = 'simple-client-server';

interface Keys {
  readonly privatePem: string;
  readonly publicPem: string;
}

type Recoverable = Vector & { readonly recoverable?: Fields };

const { vectors, keys } = readVectors<{
  readonly vectors: readonly Recoverable[];
  readonly keys: Readonly<Record<string, Keys>>;
}>('simple-client-server');

/** An encrypted block that is noise may be read as noise, as the original does, or rejected. */
const NOISE = /gives noise, no error|gives the empty text/;
const HEADER_SIZE = 4;

export function simpleClientServerCases(): Case[] {
  return [...vectors.flatMap(questionsOf), ...hostilePickles()].map((question) => caseOf(FAMILY, question));
}

function questionsOf(vector: Recoverable): Question[] {
  const { op: operation, name, error } = vector;
  // Files are no wire; what fails by a slip of the original's own says nothing of what is right.
  if (operation === 'read' || error?.kind === 'wrong-type') return [];
  // Sets are not JSON, by which the kit asks, and a float that is whole is an integer there.
  if (isPython(vector.input.value) || name === 'serialize j 1e+16') return [];
  return [{ operation, name, input: inputOf(vector), accepts: acceptedOf(vector) }];
}

function isPython(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '$python' in value;
}

/** Keys by their text, in the place of their names. */
function inputOf({ op, input }: Vector): Fields {
  const { version, replyIv, replySymmetricKey, ...rest } = input;
  if (op === 'answer') {
    const { query, reply } = keys;
    const [queryKey, replyKey] = input.keys === true ? [query?.privatePem, reply?.publicPem] : [null, null];
    return { ...rest, queryKey, replyKey };
  }
  if (op === 'reply') return { reply: input.reply, replyKey: 'key' in input ? null : keys.reply?.privatePem };
  if (!('key' in rest)) return rest;
  const pair = keys[String(input.key)];
  return { ...rest, key: op.endsWith('-decrypt') ? pair?.privatePem : (pair?.publicPem ?? null) };
}

function acceptedOf(vector: Recoverable): readonly Acceptable[] {
  const { op, name, output, recoverable } = vector;
  if (recoverable) return ['rejected', { output: recoverable }];
  if (op === 'hybrid-encrypt') return [{ output: { ciphertext: output?.ciphertext } }];
  if (NOISE.test(name)) return [...acceptsOf(vector), 'rejected'];
  if (output && name.includes('is cut by the original client')) return [longText(textOf(output, 'value'))];
  return op === 'answer' && output ? [answerLike(textOf(output, 'reply'))] : acceptsOf(vector);
}

/** The original's client reads 1024 bytes of a datagram; whoever reads it whole does better. */
function longText(start: string): Acceptable {
  return {
    describes: `a text that begins with ${start}`,
    check: ({ value }) => String(value).startsWith(start),
  };
}

/** The same bytes; where they are encrypted, the same header and value. */
function answerLike(reply: string): Acceptable {
  if (decodeReply(decodeHex(reply)).scheme === 'plain') return { output: { reply } };
  const value = JSON.stringify(openedReply(reply));
  return {
    describes: `a reply that opens as ${value}`,
    check(output) {
      const made = textOf(output, 'reply');
      const isSameHead = made.slice(0, 2 * HEADER_SIZE) === reply.slice(0, 2 * HEADER_SIZE);
      return isSameHead && JSON.stringify(openedReply(made)) === value;
    },
  };
}

function openedReply(reply: string): unknown {
  return openPayload(decodeReply(decodeHex(reply)), pairOf('reply').opens);
}

function pairOf(name: string): LegacyKeyPair<unknown> {
  const { privatePem = '', publicPem = '' } = keys[name] ?? {};
  return serverKeyPair({ query: privatePem, reply: publicPem });
}

/** Each would call a harmless function of Python's, where others would call a shell. */
const CALLS: Readonly<Record<string, string>> = {
  'GLOBAL and REDUCE': 'cbuiltins\nlen\n(S"a"\ntR.',
  'STACK_GLOBAL and REDUCE': '\x80\x04\x8c\x08builtins\x94\x8c\x03len\x94\x93\x94\x8c\x01a\x94\x85\x94R\x94.',
  INST: '(S"a"\nibuiltins\nlen\n.',
  'GLOBAL alone': 'cbuiltins\nlen\n.',
  NEWOBJ: '\x80\x04\x8c\x08builtins\x94\x8c\x06object\x94\x93\x94)\x81\x94.',
};

function hostilePickles(): Question[] {
  const whole = '\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07spinach\x94.';
  const bytes = (pickle: string): string =>
    encodeHex(Uint8Array.from(pickle, (letter) => letter.charCodeAt(0)));
  const value = (pickle: string): Fields => ({ scheme: 'p', bytes: bytes(pickle) });
  const operation = 'deserialize';
  return [
    ...Object.entries(CALLS).map(
      ([name, pickle]): Question => ({
        operation,
        name: `a pickle that would call something is rejected: ${name}`,
        input: value(pickle),
        accepts: ['rejected'],
      }),
    ),
    { operation, name: 'a pickle of text', input: value(whole), accepts: [{ output: { value: 'spinach' } }] },
    { operation, name: 'a pickle cut short', input: value(whole.slice(0, -3)), accepts: ['rejected'] },
    ...plainPickles(),
  ];
}

const VALUES = ['', 'é😀', 0, -1, 256, 70_000, 1.5, true, null, ['a', 1], { a: [1, { b: null }] }];

/** The bytes that CPython's own pickler makes are in the tests of this house; here only the value must survive. */
function plainPickles(): Question[] {
  return VALUES.map((value) => ({
    operation: 'serialize',
    name: `a pickle of ${JSON.stringify(value)}`,
    input: { scheme: 'p', value },
    accepts: [
      {
        describes: `a pickle of ${JSON.stringify(value)}`,
        check: (output) => JSON.stringify(unpickled(output)) === JSON.stringify(value),
      },
    ],
  }));
}

function unpickled(output: Fields): unknown {
  const message = encodeHex(encodeUtf8('0pp0')) + textOf(output, 'bytes');
  return openPayload(decodeReply(decodeHex(message)), null);
}
