/**
 * What is asked of a broadcaster over HTTP: to notify, to subscribe and unsubscribe, to compare, to set all at once.
 *
 * ```text
 * 200 done · 400 no such body · 401 no authorization · 403 not this one · 409 there already, or not there
 * 413 a longer message, a longer or costlier glob, or more subscriptions of one url, than may be · 503 the store, the disk or the keys are away
 * ```
 *
 * Source: specs/lonelyps.md, sections 9 and 11.
 */

import type { Logger } from '../../app/message.ts';
import { type Bytes, EMPTY, sameBytes } from '../../bytes/bytes.ts';
import { StreamReader } from '../../bytes/stream-reader.ts';
import { SottoError, StatusError } from '../../errors.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import {
  encodeAnswer,
  readCheck,
  readExacts,
  readGlobs,
  readNotifyHead,
  readSetHead,
  readSubscribeExact,
  readSubscribeGlob,
  readUnsubscribeExact,
  readUnsubscribeGlob,
} from '../../wire/lonelyps-stateless.ts';
import { encodeSimpleTracing } from '../../wire/lonelyps-tracing.ts';
import type { AuthConfig, Grant } from '../authorization/authorization.ts';
import { isConnectionUrl } from '../authorization/connection-url.ts';
import type { FanOut } from '../delivery/fan-out.ts';
import { collectMessage } from '../delivery/message.ts';
import { etagOf } from '../etag.ts';
import { handedOn } from '../operations/trace-context.ts';
import type { Pattern, Wanted } from '../stores/store.ts';
import { bytesOfPattern, isWithin, PATTERN_LIMITS, type PatternLimits } from '../topics/pattern-limits.ts';
import type { IntentCheck } from './intent.ts';
import type { Share, Subscriptions } from './subscriptions.ts';

/** An HTTP POST, as far as the protocol is concerned. */
export interface StatelessRequest {
  readonly path: string;
  /** The header; null without one. */
  readonly authorization: string | null;
  readonly body: AsyncIterable<Bytes>;
}

export interface StatelessResponse {
  readonly status: number;
  readonly body: Bytes;
}

interface StatelessRequestsOptions {
  readonly subscriptions: Subscriptions;
  readonly auth: AuthConfig;
  readonly fanOut: FanOut;
  /** Asks urls before they are subscribed; null asks nobody. */
  readonly intent: IntentCheck | null;
  /** The most that one url may be subscribed to. */
  readonly maxPerUrl: number;
  /** Of what it is subscribed to. Default {@link PATTERN_LIMITS}. */
  readonly patterns?: PatternLimits;
  /** Bytes. */
  readonly maxMessage: number;
  /** Longer messages go to disk, bytes. */
  readonly spoolSize: number;
  readonly now: () => number;
  readonly log: Logger;
}

type Handler = (reader: StreamReader, authorization: string | null) => Promise<Bytes>;

/** What the answer's field holds. */
const MOST_SUBSCRIBERS = 2 ** 32 - 1;
const TOO_MANY = 'One url may not have so many subscriptions, or such long ones.';
const UNRESTRICTED: Grant = { verdict: 'ok', maySubscribe: () => true };

export class StatelessRequests {
  readonly #options: StatelessRequestsOptions;
  readonly #patterns: PatternLimits;
  readonly #handlers: ReadonlyMap<string, Handler> = new Map<string, Handler>([
    ['/v1/notify', (reader, header) => this.#notify(reader, header)],
    ['/v1/subscribe/exact', (reader, header) => this.#subscribeExact(reader, header)],
    ['/v1/subscribe/glob', (reader, header) => this.#subscribeGlob(reader, header)],
    ['/v1/unsubscribe/exact', (reader, header) => this.#unsubscribeExact(reader, header)],
    ['/v1/unsubscribe/glob', (reader, header) => this.#unsubscribeGlob(reader, header)],
    ['/v1/check_subscriptions', (reader, header) => this.#check(reader, header)],
    ['/v1/set_subscriptions', (reader, header) => this.#set(reader, header)],
  ]);

  constructor(options: StatelessRequestsOptions) {
    this.#options = options;
    this.#patterns = options.patterns ?? PATTERN_LIMITS;
  }

  has(path: string): boolean {
    return this.#handlers.has(path);
  }

  /** Answers one request; never rejects. */
  async handle({ path, authorization, body }: StatelessRequest): Promise<StatelessResponse> {
    const handler = this.#handlers.get(path);
    if (!handler) return { status: 404, body: EMPTY };
    try {
      return { status: 200, body: await handler(new StreamReader(body), authorization) };
    } catch (error) {
      return { status: this.#statusOf(error, path), body: EMPTY };
    }
  }

  #statusOf(error: unknown, path: string): number {
    if (error instanceof StatusError) return error.status;
    if (error instanceof SottoError && error.code === 'invalid_message') return 400;
    this.#options.log.error({ error, path }, 'a request could not be answered');
    return 500;
  }

  async #notify(reader: StreamReader, header: string | null): Promise<Bytes> {
    const receivedAt = this.#options.now();
    const { topic, sha512, tracing, identifier, length } = await readNotifyHead(reader);
    // The message is read only from somebody who may send it.
    await this.#prove(header, tracing, { kind: 'notify', topic, identifier, sha512 });
    const { maxMessage, spoolSize, fanOut } = this.#options;
    if (length > maxMessage) throw refusal(413, 'The message is longer than may be.');
    const expected = { length: Number(length), sha512 };
    const body = await stored(collectMessage(reader.rest(), expected, spoolSize));
    try {
      const { notified } = await stored(
        fanOut.notify({ topic, sha512, body, identifier, tracing: handedOn(tracing) }),
      );
      const subscribers = Math.min(notified, MOST_SUBSCRIBERS);
      const traced = this.#tracing(receivedAt);
      const operation: SignedOperation = { kind: 'confirm-notify', identifier, subscribers, topic, sha512 };
      const authorization = await this.#options.auth.toSubscriber.authorize({ operation, tracing: traced });
      return encodeAnswer({ type: 'notify', authorization, tracing: traced, subscribers, identifier });
    } finally {
      await body.remove();
    }
  }

  /** The Python client fails without a trace. */
  #tracing(receivedAt: number): Bytes {
    const sentAt = this.#options.now();
    return encodeSimpleTracing({
      truncated: false,
      traces: [{ name: 'notified', extra: '{}', at: sentAt / 1000 }],
      receivedAt: nanoseconds(receivedAt),
      sentAt: nanoseconds(sentAt),
    });
  }

  async #subscribeExact(reader: StreamReader, header: string | null): Promise<Bytes> {
    const { url, topic, recovery, tracing } = await readSubscribeExact(reader);
    await this.#prove(header, tracing, { kind: 'subscribe-exact', url, recovery, topic });
    await this.#add(url, { pattern: { kind: 'exact', topic }, recovery });
    return this.#confirm({ kind: 'confirm-exact', url, recovery, topic });
  }

  async #subscribeGlob(reader: StreamReader, header: string | null): Promise<Bytes> {
    const { url, glob, recovery, tracing } = await readSubscribeGlob(reader);
    await this.#prove(header, tracing, { kind: 'subscribe-glob', url, recovery, glob });
    await this.#add(url, { pattern: { kind: 'glob', glob }, recovery });
    return this.#confirm({ kind: 'confirm-glob', url, recovery, glob });
  }

  async #unsubscribeExact(reader: StreamReader, header: string | null): Promise<Bytes> {
    const { url, topic, tracing } = await readUnsubscribeExact(reader);
    await this.#prove(header, tracing, { kind: 'subscribe-exact', url, recovery: null, topic });
    await this.#remove(url, { kind: 'exact', topic });
    return this.#confirm({ kind: 'confirm-exact', url, recovery: null, topic });
  }

  async #unsubscribeGlob(reader: StreamReader, header: string | null): Promise<Bytes> {
    const { url, glob, tracing } = await readUnsubscribeGlob(reader);
    await this.#prove(header, tracing, { kind: 'subscribe-glob', url, recovery: null, glob });
    await this.#remove(url, { kind: 'glob', glob });
    return this.#confirm({ kind: 'confirm-glob', url, recovery: null, glob });
  }

  async #check(reader: StreamReader, header: string | null): Promise<Bytes> {
    const { tracing, url } = await readCheck(reader);
    await this.#prove(header, tracing, { kind: 'check', url });
    const etag = await stored(this.#options.subscriptions.etag(url));
    const authorization = await this.#sign({ kind: 'confirm-check', etag });
    return encodeAnswer({ type: 'check', authorization, tracing: EMPTY, etag });
  }

  async #set(reader: StreamReader, header: string | null): Promise<Bytes> {
    const { tracing, url, etag } = await readSetHead(reader);
    // The lists are read only from somebody who may send them.
    const { maySubscribe } = await this.#prove(header, tracing, { kind: 'set', url, etag });
    const wanted = await this.#readWanted(reader);
    if (!sameBytes(etagOf(url, wanted), etag)) throw refusal(400, 'The etag is not that of the list.');
    if (!wanted.every(({ pattern }) => maySubscribe(pattern)))
      throw refusal(403, 'Not all of these are allowed.');
    await this.#intend(url, wanted);
    const isSet = await stored(this.#options.subscriptions.set(url, wanted, maySubscribe));
    if (!isSet) throw refusal(403, 'Not all that would be removed is allowed.');
    return this.#confirm({ kind: 'confirm-set', etag });
  }

  async #readWanted(reader: StreamReader): Promise<readonly Wanted[]> {
    const wanted: Wanted[] = [];
    let bytes = 0;
    const take = (pattern: Pattern, recovery: string | null): void => {
      this.#requireWithin(pattern);
      if (!this.#hasRoom({ patterns: wanted.length, bytes }, pattern)) throw refusal(413, TOO_MANY);
      bytes += bytesOfPattern(pattern);
      wanted.push({ pattern, recovery });
    };
    for await (const { topic, recovery } of readExacts(reader)) take({ kind: 'exact', topic }, recovery);
    for await (const { glob, recovery } of readGlobs(reader)) take({ kind: 'glob', glob }, recovery);
    return wanted;
  }

  /** Nothing is sent to who does not want it. */
  async #intend(url: string, wanted: readonly Wanted[]): Promise<void> {
    const { intent } = this.#options;
    if (intent === null || (await stored(intent.confirmAll(url, wanted)))) return;
    throw refusal(403, 'The url, or its recovery url, does not confirm that it wants to be subscribed.');
  }

  async #add(url: string, wanted: Wanted): Promise<void> {
    const { subscriptions } = this.#options;
    const { pattern } = wanted;
    this.#requireWithin(pattern);
    await this.#intend(url, [wanted]);
    if (!this.#hasRoom(subscriptions.shareOf(url), pattern)) {
      // What is there already needs no room; that is looked up for those alone who have none.
      if (!(await stored(subscriptions.has(url, pattern)))) throw refusal(413, TOO_MANY);
    }
    const isNew = await stored(subscriptions.subscribe(url, wanted));
    if (!isNew) throw refusal(409, 'It is there already.');
  }

  #requireWithin(pattern: Pattern): void {
    if (!isWithin(pattern, this.#patterns))
      throw refusal(413, 'The glob is longer, or costs more, than may be.');
  }

  #hasRoom({ patterns, bytes }: Share, pattern: Pattern): boolean {
    const isFew = patterns < this.#options.maxPerUrl;
    return isFew && bytes + bytesOfPattern(pattern) <= this.#patterns.maxPatternBytesPerUrl;
  }

  async #remove(url: string, pattern: Pattern): Promise<void> {
    const wasThere = await stored(this.#options.subscriptions.unsubscribe(url, pattern));
    if (!wasThere) throw refusal(409, 'It is not there.');
  }

  async #prove(header: string | null, tracing: Bytes, operation: SignedOperation): Promise<Grant> {
    // What was signed for a message of a WebSocket is not remembered as used, and of no use here.
    if ('url' in operation && isConnectionUrl(operation.url)) throw refusal(403, 'This url is a connection.');
    const judgement = await this.#options.auth.toBroadcaster.verify(header, { operation, tracing });
    if (typeof judgement === 'object') return judgement;
    switch (judgement) {
      case 'ok':
        return UNRESTRICTED;
      case 'unauthorized':
        throw refusal(401, 'An authorization is needed.');
      case 'forbidden':
        throw refusal(403, 'This authorization is not good for it.');
      case 'unavailable':
        throw refusal(503, 'It cannot be told now who may.');
    }
  }

  async #confirm(operation: SignedOperation): Promise<Bytes> {
    return encodeAnswer({ type: 'generic', authorization: await this.#sign(operation), tracing: EMPTY });
  }

  async #sign(operation: SignedOperation): Promise<string | null> {
    return this.#options.auth.toSubscriber.authorize({ operation, tracing: EMPTY });
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n;
}

function refusal(status: number, text: string): StatusError {
  return new StatusError(status, text);
}

/** What the store cannot do now it may do later: the asker is told so. */
async function stored<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof SottoError && cause.code === 'invalid_message') throw cause;
    throw new StatusError(503, 'The store cannot be asked now.', { code: 'unavailable', cause });
  }
}
