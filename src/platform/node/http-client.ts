/** HTTP requests by undici, which follows no redirect unless it is told to. */

import { Readable } from 'node:stream';
import { Agent, type Dispatcher, request } from 'undici';
import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { HttpAnswer, Sockets } from '../types.ts';
import { AddressGuard } from './addresses.ts';
import { guardedAgent } from './guarded-agent.ts';
import { whyOf } from './tcp.ts';

const KEEP_ALIVE_TIMEOUT = 30_000;
const CONNECT_TIMEOUT = 5000;
/** Below this, head and body are one write, bytes. */
const MAX_JOINED = 64 * 1024;

// Fewer connections than any server of ours takes from one host.
const packets = new Agent({
  connections: 32,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
  connect: { timeout: CONNECT_TIMEOUT },
});

// Each holds a connection of its own, for as long as it waits.
const held = new Agent({ keepAliveTimeout: KEEP_ALIVE_TIMEOUT, connect: { timeout: CONNECT_TIMEOUT } });

// Deliveries to many urls; how many at one time to each is decided by whoever delivers.
const STREAMS = { connections: 128, keepAliveTimeout: KEEP_ALIVE_TIMEOUT };
const streams = new Agent({ ...STREAMS, connect: { timeout: CONNECT_TIMEOUT } });
/** By what they allow: a connection that one may use must not be there for another. */
const guarded = new Map<string, Agent>();

export const post: Sockets['post'] = async (url, { body, contentType, maxAnswer, signal, isHeld }) => {
  const headers = { 'content-type': contentType };
  const { status, body: answer } = await exchange(
    url,
    { method: 'POST', body, headers, dispatcher: isHeld ? held : packets, signal },
    { maxAnswer },
  );
  return { status, body: answer };
};

export const postStream: Sockets['postStream'] = async (url, { headers, length, body, ...limits }) =>
  exchange(
    checked(url),
    {
      method: 'POST',
      body: length <= MAX_JOINED ? await joined(body) : Readable.from(body, { objectMode: false }),
      headers: { ...headers, 'content-length': String(length) },
      dispatcher: agentFor(limits),
      signal: limits.signal,
    },
    limits,
  );

export const get: Sockets['get'] = async (url, limits) =>
  exchange(checked(url), { method: 'GET', dispatcher: agentFor(limits), signal: limits.signal }, limits);

type Limits = Parameters<Sockets['get']>[1];

async function exchange(
  url: string,
  sent: NonNullable<Parameters<typeof request>[1]> & { readonly method: Dispatcher.HttpMethod },
  limits: Pick<Limits, 'maxAnswer' | 'cutAnswer'>,
): Promise<HttpAnswer> {
  try {
    const { statusCode, headers, body } = await request(url, sent);
    const retryAfter = headers['retry-after'];
    // Most answers say how short they are: to read them whole costs a third of reading them chunk by chunk.
    const isShort = Number(headers['content-length'] ?? Number.POSITIVE_INFINITY) <= limits.maxAnswer;
    return {
      status: statusCode,
      body: isShort ? await body.bytes() : await readAnswer(body, limits),
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    };
  } catch (cause) {
    throw new SottoError('unreachable', `${url} cannot be reached: ${whyOf(cause)}`, { cause });
  }
}

/** @throws SottoError `invalid_url`: whoever may name a url may name a file, too. */
function checked(url: string): string {
  const protocol = URL.parse(url)?.protocol;
  if (protocol === 'http:' || protocol === 'https:') return url;
  throw new SottoError('invalid_url', `"${url}" cannot be asked: it is no URL of http:// or https://.`);
}

function agentFor({ addresses = 'any', allow = [] }: Limits): Agent {
  if (addresses === 'any') return streams;
  const key = allow.join(' ');
  const known = guarded.get(key);
  if (known) return known;
  const agent = guardedAgent(new AddressGuard(allow), { ...STREAMS, connectTimeout: CONNECT_TIMEOUT });
  guarded.set(key, agent);
  return agent;
}

async function joined(body: Iterable<Bytes> | AsyncIterable<Bytes>): Promise<Bytes> {
  const parts: Bytes[] = [];
  if (Symbol.iterator in body) parts.push(...body);
  else for await (const part of body) parts.push(part);
  return concatAll(parts);
}

async function readAnswer(
  body: AsyncIterable<Bytes>,
  { maxAnswer, cutAnswer = false }: Pick<Limits, 'maxAnswer' | 'cutAnswer'>,
): Promise<Bytes> {
  const parts: Bytes[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > maxAnswer && !cutAnswer) {
      throw new SottoError('body_too_large', `the answer is longer than ${maxAnswer} bytes`);
    }
    parts.push(part);
    if (length > maxAnswer) return concatAll(parts).subarray(0, maxAnswer);
  }
  return concatAll(parts);
}
