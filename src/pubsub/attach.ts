/** Reads a subscription and hands each message to an app. A delivery has no answer: what the app says is only counted. */

import type { Dispatcher } from '../app/app.ts';
import { type InboundMessage, type Logger, OK, SILENT } from '../app/message.ts';
import { assertNumber } from '../bytes/assert.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { messageOf } from '../errors.ts';
import { Counters } from '../sealed/counters.ts';
import type { Representation } from '../wire/representation.ts';
import { type Road, routeOf, shownTopic, toInbound } from './adapter.ts';
import type { TopicSeal } from './sealed-topics.ts';

/** Why a message has not reached the app. */
export type SkipReason = 'too_large' | 'unreadable' | 'unroutable';

/** How messages become requests of an app. */
export interface AttachOptions {
  /** Messages handled at one time. Default 1: each once the one before it is done, in the order in which they came. */
  readonly concurrency?: number;
  /** Bytes of body; a longer message is not read, but skipped. Default 1 MiB; a route's own `maxBody` counts as well. */
  readonly maxBody?: number;
  /** How bodies are written. Default `auto`: JSON objects and arrays as such, other UTF-8 as text, else bytes. */
  readonly representation?: Representation | 'auto';
  /**
   * Called for each message that does not reach the app: it was confirmed, so nobody will announce it as missed. It is too
   * long, could not be read back from disk, or its topic has no route.
   */
  readonly onSkipped?: (topic: Bytes, why: SkipReason) => void;
  /** Ends the loop and tells handlers to stop; a message that comes at that moment may be lost. */
  readonly signal?: AbortSignal;
  /** Default silent. */
  readonly log?: Logger;
}

/** What a subscription knows of its own road. */
export interface AttachContext {
  readonly transport: 'http' | 'ws';
  /** What opened the messages, where some are sealed: they have the proof `token`. */
  readonly seal?: Pick<TopicSeal, 'covers'> | null;
  /**
   * Told of `received` and of what became of it: `handled`, `not_found` (by the app or by a handler), `refused` (other 4xx),
   * `failed` (5xx), or a {@link SkipReason}.
   */
  readonly counters?: Counters;
}

/** As much of a received message as is needed here; its body can be read until the next is asked for. */
export interface Attachable {
  readonly topic: Bytes;
  /** Bytes. */
  readonly length: number;
  bytes(): Promise<Bytes>;
  /** Runs work in a span of the message's trace. */
  trace?<T>(work: () => Promise<T>): Promise<T>;
}

const MEBIBYTE = 1024 * 1024;
const NOT_FOUND = 404;
const FAILED = 500;

/**
 * Hands messages to an app until they end or `signal` is aborted; resolves when the last handler is done.
 *
 * A route that was declared `once` may be handled twice: deliveries cannot be told apart from their copies.
 *
 * @throws SottoError `invalid_option`; whatever reading the subscription throws.
 */
export async function attachTo(
  app: Dispatcher,
  messages: AsyncIterable<Attachable>,
  options: AttachOptions & AttachContext,
): Promise<void> {
  const { concurrency = 1, signal = null } = options;
  assertNumber(concurrency, 'concurrency', 1);
  const attachment = new Attachment(app, options);
  const iterator = messages[Symbol.asyncIterator]();
  const running = new Set<Promise<void>>();
  try {
    for (;;) {
      const next = await nextOf(iterator, signal);
      if (next.done) break;
      // Before the next is asked for: the body can be read no longer then.
      const inbound = await attachment.take(next.value);
      if (inbound === null) continue;
      const work = attachment.dispatch(inbound, next.value).finally(() => running.delete(work));
      running.add(work);
      while (running.size >= concurrency) await Promise.race(running);
    }
  } finally {
    // Not waited for: it may stand behind a read that nothing ends.
    if (signal?.aborted) void Promise.resolve(iterator.return?.()).catch(() => {});
    await Promise.all(running);
  }
}

class Attachment {
  readonly #app: Dispatcher;
  readonly #options: AttachOptions & AttachContext;
  readonly #road: Road;
  readonly #maxBody: number;
  readonly #counters: Counters;
  readonly #log: Logger;

  constructor(app: Dispatcher, options: AttachOptions & AttachContext) {
    const { maxBody = MEBIBYTE, representation = 'auto', transport, signal = null } = options;
    assertNumber(maxBody, 'maxBody (bytes)', 0);
    this.#app = app;
    this.#options = options;
    this.#road = { transport, representation, signal };
    this.#maxBody = maxBody;
    this.#counters = options.counters ?? new Counters();
    this.#log = options.log ?? SILENT;
  }

  /** The message as the app takes it; null for one that is skipped. */
  async take(message: Attachable): Promise<InboundMessage | null> {
    this.#counters.add('received');
    const { topic, length } = message;
    const route = routeOf(topic);
    if (route === null) return this.#skip(topic, 'unroutable', {});
    if (length > this.#maxBody) return this.#skip(topic, 'too_large', { length, maxBody: this.#maxBody });
    try {
      const bytes = await message.bytes();
      const proof = this.#options.seal?.covers(topic) ? 'token' : 'none';
      return toInbound({ route, bytes, proof }, this.#road);
    } catch (error) {
      return this.#skip(topic, 'unreadable', { error });
    }
  }

  /** Never rejects. */
  async dispatch(inbound: InboundMessage, message: Attachable): Promise<void> {
    const handled = (): ReturnType<Dispatcher['dispatch']> => this.#app.dispatch(inbound);
    const { status, value } = await (message.trace?.(handled) ?? handled()).catch((error: unknown) => ({
      status: FAILED,
      value: messageOf(error),
    }));
    this.#counters.add(outcomeOf(status));
    if (status === OK) return;
    const fields = { route: inbound.route.slice(0, 100), status, why: value };
    if (status >= FAILED) this.#log.warn(fields, 'a message was not handled');
    else this.#log.debug(fields, 'a message was refused');
  }

  #skip(topic: Bytes, why: SkipReason, fields: object): null {
    this.#counters.add(why);
    const level = why === 'unroutable' ? 'debug' : 'warn'; // a publisher of odd topics should not fill the log
    this.#log[level]({ topic: shownTopic(topic), why, ...fields }, 'a message was skipped');
    try {
      this.#options.onSkipped?.(topic, why);
    } catch (error) {
      this.#log.warn({ error }, 'onSkipped failed');
    }
    return null;
  }
}

function outcomeOf(status: number): string {
  if (status === OK) return 'handled';
  if (status === NOT_FOUND) return 'not_found';
  return status >= FAILED ? 'failed' : 'refused';
}

/** The next message, or the end once `signal` is aborted, even while nothing comes. */
function nextOf<T>(iterator: AsyncIterator<T>, signal: AbortSignal | null): Promise<IteratorResult<T>> {
  if (signal === null) return iterator.next();
  const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T>>();
  const end = (): void => resolve({ done: true, value: undefined });
  if (signal.aborted) end();
  else iterator.next().then(resolve, reject);
  signal.addEventListener('abort', end, { once: true });
  return promise.finally(() => signal.removeEventListener('abort', end));
}
