/** lonelyps: WebSocket messages, HTTP bodies, authorization, etags, globs, compression and tracing, by the vectors. */

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { decodeHex, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { decodeAnswer } from '../../wire/lonelyps-stateless.ts';
import { type Acceptable, type Case, caseOf, type Fields, type Question } from '../case.ts';
import { cut } from '../damage.ts';
import { bytesOf, textOf } from '../fields.ts';
import { readBody } from '../lonelyps-bodies.ts';
import { fieldsOf } from '../lonelyps-fields.ts';
import { type StatefulVector, statefulFields } from '../lonelyps-vectors.ts';
import { readVectors } from '../vectors.ts';

const FAMILY = 'lonelyps';

type Lonelyps = Fields & { readonly kind: string; readonly name: string };

const { vectors, fixed } = readVectors<{
  readonly vectors: readonly Lonelyps[];
  readonly fixed: { readonly time: number; readonly to_broadcaster_secret: string };
}>('lonelyps');

export async function lonelypsCases(): Promise<Case[]> {
  const questions = vectors.flatMap((vector) => BY_KIND[vector.kind]?.(vector) ?? []);
  const all = [...questions, ...cutMessages(), ...(await bodyQuestions()), replay(), ...answerQuestions()];
  return all.map((question) => caseOf(FAMILY, question));
}

type Maker = (vector: Lonelyps) => Question[];

const BY_KIND: Readonly<Record<string, Maker>> = {
  stateful: (vector) => [encoded(vector), decoded(vector)],
  'stateful-recipe': (vector) => [encoded(vector)],
  'stateful-encode-error': refusedEncoding,
  malformed: refusedDecoding,
  lenient: (vector) => [decoded(vector)],
  'auth-hmac': ({ name, operation, fields, timestamp, nonce, secret, to_sign, authorization }) => [
    {
      ...{ operation: 'sign', name, input: { operation, fields, timestamp, nonce, secret } },
      accepts: [{ output: { toSign: to_sign, authorization } }],
    },
  ],
  'auth-hmac-error': ({ name, operation, fields }) => {
    const input = { operation, fields, timestamp: 0, nonce: '', secret: fixed.to_broadcaster_secret };
    return [{ operation: 'sign', name, input, accepts: ['rejected'] }];
  },
  'auth-hmac-verify': (vector) => [verified(vector)],
  'auth-token': ({ name, side, token, authorization }) => [
    { operation: 'token', name, input: { side, token }, accepts: [{ output: { authorization } }] },
  ],
  'auth-token-verify': ({ name, side, token, authorization, result }) => [
    { operation: 'verify-token', name, input: { side, token, authorization }, accepts: verdicts([result]) },
  ],
  etag: ({ name, url, topics, globs, etag }) => [
    { operation: 'etag', name, input: { url, topics, globs }, accepts: [{ output: { etag } }] },
  ],
  'etag-recipe': ({ name, url, R, etag }) => {
    const input = { url, topics: manyTopics(R), globs: [] };
    return [{ operation: 'etag', name, input, accepts: [{ output: { etag } }] }];
  },
  'etag-error': ({ name, url, topics, globs }) => [
    { operation: 'etag', name, input: { url, topics, globs }, accepts: ['rejected'] },
  ],
  'websocket-url': ({ name, subscriber_nonce, broadcaster_nonce, broadcaster, subscriber }) => [
    {
      ...{ operation: 'connection-urls', name },
      input: { subscriberNonce: subscriber_nonce, broadcasterNonce: broadcaster_nonce, count: 26 },
      accepts: [
        { describes: JSON.stringify({ broadcaster, subscriber }), check: urlsAre(broadcaster, subscriber) },
      ],
    },
  ],
  glob: ({ name, pattern, topics, sqlite }) => [
    globbed(name, pattern, topics as string[], sqlite as string[]),
  ],
  'glob-bytes': ({ name, pattern, topic, sqlite }) => [
    {
      ...{ operation: 'glob', name, input: { glob: pattern, topics: [topic] } },
      // One of the originals' two matchers has SQLite's bytes, the other first needs UTF-8.
      accepts: [{ output: { matches: sqlite === true ? [topic] : [] } }, { output: { matches: [] } }],
    },
  ],
  zstd: (vector) => [decompressed(vector)],
  tracing: ({ name, hex, traces }) => [
    {
      ...{ operation: 'decode-tracing', name, input: { tracing: hex } },
      accepts: [{ output: { traces: (traces as Fields[]).map(traceOf) } }],
    },
  ],
};

function encoded(vector: Lonelyps): Question {
  const stateful = vector as unknown as StatefulVector;
  const { name, revision, direction, minimal, hex } = stateful;
  const input = { revision, direction, minimal, message: statefulFields(stateful) };
  const accepts = [hex === undefined ? digestOf(stateful) : { output: { bytes: hex } }];
  return { operation: 'encode-message', name, input, accepts };
}

/** A message too long to list. */
function digestOf({ length, sha512 }: StatefulVector): Acceptable {
  return {
    describes: `${length} bytes, whose SHA-512 is ${sha512}`,
    check: (output) => createHash('sha512').update(bytesOf(output, 'bytes')).digest('hex') === sha512,
  };
}

function decoded(vector: Lonelyps): Question {
  const stateful = vector as unknown as StatefulVector;
  const { name, revision, direction, hex } = stateful;
  const input = { revision, direction, bytes: hex };
  return {
    operation: 'decode-message',
    name,
    input,
    accepts: [holding('message', statefulFields(stateful))],
  };
}

/** All expected members; there may be more, which an older revision lacks. */
function holding(member: 'message' | 'fields', expected: Fields): Acceptable {
  return {
    describes: JSON.stringify(expected),
    check: (output) => {
      const got = output[member] as Fields;
      return Object.entries(expected).every(([name, value]) => isDeepStrictEqual(got[name], value));
    },
  };
}

/** 0.0.11 cannot write some by a slip of its own. */
function refusedEncoding(vector: Lonelyps): Question[] {
  const isSlip = vector.revision === '0.0.11' && /configure|stream start uncompressed/.test(vector.name);
  return isSlip ? [] : [{ ...encoded(vector), accepts: ['rejected'] }];
}

/** Hashes may be checked later, where they are computed. */
function refusedDecoding({ name, revision, direction, hex }: Lonelyps): Question[] {
  if (name.includes('hash of another body')) return [];
  return [
    { operation: 'decode-message', name, input: { revision, direction, bytes: hex }, accepts: ['rejected'] },
  ];
}

/** Every kind of message, cut within its headers; what follows them is the body, of any length. */
function cutMessages(): Question[] {
  const seen = new Set<string>();
  return vectors.flatMap((vector) => {
    const { kind, name, revision, direction, cls, minimal } = vector as unknown as StatefulVector;
    const key = `${revision} ${cls} ${minimal}`;
    if (kind !== 'stateful' || !minimal || seen.has(key)) return [];
    seen.add(key);
    const bytes = bytesOf(vector, 'hex');
    return [...cut(bytes, [1, 4, 6])]
      .filter((each) => each.bytes.length < 6)
      .map((each) => ({
        operation: 'decode-message',
        name: `${name} ${each.how}`,
        input: { revision, direction, bytes: encodeHex(each.bytes) },
        accepts: ['rejected'] as const,
      }));
  });
}

function verified({ name, operation, secret, fields, now, authorization, result }: Lonelyps): Question {
  const input = { operation, secret, fields, now, authorizations: [authorization] };
  return { operation: 'verify', name, input, accepts: verdicts([result]) };
}

/** What ends an original with an error must be refused somehow. */
function verdicts(results: readonly unknown[]): readonly Acceptable[] {
  const raises = results.some((result) => String(result).startsWith('raises'));
  if (raises) return ['rejected', { output: { verdicts: ['FORBIDDEN'] } }];
  return [{ output: { verdicts: results } }];
}

/** Nothing is good twice. */
function replay(): Question {
  const again = vectors.find(({ kind }) => kind === 'auth-hmac-replay');
  const vector = vectors.find(
    ({ kind, authorization }) => kind.endsWith('verify') && authorization === again?.authorization,
  );
  if (again === undefined || vector === undefined)
    throw new TypeError('The vectors have no header that comes again.');
  const { operation, secret, fields, now } = vector;
  const authorizations = [again.authorization, again.authorization];
  return {
    ...{ operation: 'verify', name: again.name, input: { operation, secret, fields, now, authorizations } },
    accepts: verdicts(again.results as unknown[]),
  };
}

function manyTopics(recovery: unknown): Fields[] {
  return Array.from({ length: 250 }, (_, number) => ({
    topic: encodeHex(encodeUtf8(`topic/${String(number).padStart(4, '0')}`)),
    recovery: number % 2 === 1 ? recovery : null,
  }));
}

/** By the counter; of the vectors' some are listed. */
function urlsAre(broadcaster: unknown, subscriber: unknown): (output: Fields) => boolean {
  const agree = (urls: unknown, expected: unknown): boolean =>
    Object.entries(expected as Fields).every(
      ([count, url]) => (urls as string[])[Math.abs(Number(count)) - 1] === url,
    );
  return (output) => agree(output.broadcaster, broadcaster) && agree(output.subscriber, subscriber);
}

function globbed(
  name: string,
  glob: unknown,
  topics: readonly string[],
  matches: readonly string[],
): Question {
  const hex = (texts: readonly string[]): string[] => texts.map((text) => encodeHex(encodeUtf8(text)));
  return {
    ...{ operation: 'glob', name, input: { glob, topics: hex(topics) } },
    accepts: [{ output: { matches: hex(matches) } }],
  };
}

function decompressed({ name, hex, dictionary, data, recipe }: Lonelyps): Question {
  const [, text = '', times] = /^data is (\S+) repeated (\d+) times$/.exec(String(recipe)) ?? [];
  const expected = typeof data === 'string' ? data : encodeHex(encodeUtf8(text.repeat(Number(times))));
  const known = vectors.find(({ kind }) => kind === 'zstd-dictionary');
  return {
    operation: 'decompress',
    name,
    input: { frame: hex, dictionary: dictionary === null ? null : known?.hex, length: expected.length / 2 },
    accepts: [{ output: { data: expected } }],
  };
}

function traceOf({ name, extra_json, occurred_at }: Fields): Fields {
  return { name, extra: extra_json, at: Number(occurred_at) };
}

/** Each body that goes over HTTP, read, written and cut. What it holds was read by ours, which writes the same again. */
async function bodyQuestions(): Promise<Question[]> {
  const questions: Question[] = [];
  for (const vector of vectors.filter(({ kind }) => kind === 'stateless')) {
    const path = new URL(textOf(vector, 'url')).pathname;
    const [name, body] = [`${vector.name}: body`, textOf(vector, 'body')];
    const fields = await readBody(path, decodeHex(body));
    questions.push(
      { operation: 'decode-body', name, input: { path, body }, accepts: [holding('fields', fields)] },
      { operation: 'encode-body', name, input: { path, fields }, accepts: [{ output: { body } }] },
    );
    if (vector.auth !== 'hmac') continue;
    const headSize = (body.length - String(fields.message ?? '').length) / 2;
    const edges = [1, 2, 3, headSize - 8, headSize];
    for (const { how, bytes } of cut(decodeHex(body).subarray(0, headSize), edges)) {
      const input = { path, body: encodeHex(bytes) };
      questions.push({ operation: 'decode-body', name: `${name} ${how}`, input, accepts: ['rejected'] });
    }
  }
  return questions;
}

/** What is answered over HTTP: read, written and cut. */
function answerQuestions(): Question[] {
  return vectors.flatMap((vector) => {
    const answer = String(vector.response ?? '');
    if (vector.kind !== 'stateless' || answer === '') return [];
    const bytes = decodeHex(answer);
    const [name, fields] = [`${vector.name}: answer`, fieldsOf(decodeAnswer(bytes))];
    const cuts = [...cut(bytes, [1, 3])].map(
      (each): Question => ({
        operation: 'decode-answer',
        name: `${name} ${each.how}`,
        input: { answer: encodeHex(each.bytes) },
        accepts: ['rejected'],
      }),
    );
    return [
      { operation: 'decode-answer', name, input: { answer }, accepts: [{ output: { fields } }] },
      { operation: 'encode-answer', name, input: { fields }, accepts: [{ output: { answer } }] },
      ...cuts,
    ];
  });
}
