/** What is the same of subscribers by whatever road: what they tell, their subscriptions, and what of it is sealed. */

import { primitives } from '#crypto';
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import { messageOf, SottoError } from '../../errors.ts';
import { Counters } from '../../sealed/counters.ts';
import { bytesOf } from '../delivery/bytes-of.ts';
import type { Spans } from '../operations/spans.ts';
import type { TopicSeal } from '../sealed-topics.ts';
import type { Pattern } from '../stores/store.ts';
import { Mailbox } from './mailbox.ts';
import type { NotifyOptions, ResolvedSubscriberOptions, SubscribeOptions } from './options.ts';
import { type Body, prepareBody, watchedBody } from './outgoing-body.ts';
import type { Road } from './road.ts';
import { Subscription } from './subscription.ts';

const IDENTIFIER_SIZE = 16;
const MAX_TOPIC = 65_535;
/** Between two rounds through the broadcasters, ms. */
export const FIRST_PAUSE = 250;

/** What a subscriber is made of besides its options. */
export interface SubscriberParts {
  readonly road: Road;
  readonly spans: Spans;
  /** Null where nothing is sealed. */
  readonly seal: TopicSeal | null;
}

export abstract class TopicSubscriber implements AsyncDisposable {
  readonly #options: ResolvedSubscriberOptions;
  readonly #counters = new Counters();
  readonly #seal: TopicSeal | null;
  readonly #spans: Spans;
  readonly #road: Road;
  readonly #subscriptions = new Set<Subscription>();
  readonly #names = new Set<string>();
  #count = 0;

  constructor(options: ResolvedSubscriberOptions, { road, spans, seal }: SubscriberParts) {
    this.#options = options;
    this.#road = road;
    this.#spans = spans;
    this.#seal = seal;
  }

  /** How often each thing happened, such as `sealed_unopened`, or what became of messages handed to an app. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /**
   * Tells everybody who has subscribed to a topic.
   *
   * @param body text stands for its UTF-8. A file is read twice; what comes in pieces is first kept, on disk where it is
   * long, since its hash goes before it. What is sealed is held in memory, 64 MiB at the most.
   * @returns how many confirmed it.
   * @throws StatusError where a broadcaster refuses; SottoError `unreachable` where none can be reached (it may have
   * been delivered all the same), `refused` for an answer that is not proven, `body_too_large`, `file_unreadable`.
   */
  async notify(
    topic: string | Bytes,
    body: Body,
    { onProgress }: NotifyOptions = {},
  ): Promise<{ notified: number }> {
    const name = topicOf(topic);
    const { body: message, sha512 } = await this.#prepared(name, body);
    const identifier = primitives.randomBytes(IDENTIFIER_SIZE);
    const subject = { topic: name, identifier, bytes: message.length, url: null };
    const span = this.#spans.start('notify', null, subject);
    const tracing = span?.tracing ?? EMPTY;
    const watched = onProgress ? watchedBody(message, onProgress) : message;
    let why = '';
    try {
      return {
        notified: await this.#road.notify({ topic: name, identifier, sha512, tracing, body: watched }),
      };
    } catch (error) {
      why = messageOf(error);
      throw error;
    } finally {
      span?.end(why);
      await message.remove();
    }
  }

  /**
   * Asks the broadcasters for messages; what comes is read from the subscription.
   *
   * @throws StatusError where a broadcaster refuses; SottoError `unreachable`, `refused`, `invalid_option`.
   */
  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const { onMissed = () => {}, keep = false } = options;
    const mailbox = new Mailbox({
      name: this.#nameFor(options.name),
      patterns: patternsOf(options),
      seal: this.#seal,
      maxWaiting: this.#options.maxWaiting,
      spans: this.#spans,
      onMissed: (topic) => this.#told(onMissed, topic),
      onUnopened: () => this.#counters.add('sealed_unopened'),
    });
    const subscription = new Subscription({
      mailbox,
      transport: this.#options.transport === 'http' ? 'http' : 'ws',
      seal: this.#seal,
      counters: this.#counters,
      end: () => this.#end(subscription, mailbox, keep),
    });
    this.#subscriptions.add(subscription);
    try {
      await this.#road.subscribe(mailbox);
    } catch (error) {
      await subscription.close().catch(() => {}); // the first error says why
      throw error;
    }
    return subscription;
  }

  /** Ends every subscription, then its road. */
  async close(): Promise<void> {
    const ends = await Promise.allSettled(
      [...this.#subscriptions].map((subscription) => subscription.close()),
    );
    await this.#road.close();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What a program's own function throws ends no connection. */
  #told(onMissed: (topic: Bytes | null) => void, topic: Bytes | null): void {
    try {
      onMissed(topic);
    } catch (error) {
      this.#options.log.error({ error }, 'onMissed failed');
    }
  }

  async #prepared(topic: Bytes, body: Body): ReturnType<typeof prepareBody> {
    const prepared = await prepareBody(body, this.#options.spoolSize);
    if (!this.#seal?.covers(topic)) return prepared;
    const plain = await bytesOf(prepared.body.chunks()).finally(() => prepared.body.remove());
    return prepareBody(this.#seal.seal(topic, plain), this.#options.spoolSize);
  }

  /** The first has the usual url. */
  #nameFor(name: string | undefined): string {
    this.#count += 1;
    const chosen = name ?? (this.#count === 1 ? '' : String(this.#count));
    if (!/^(?!\.+$)[\w.-]*$/.test(chosen) || this.#names.has(chosen)) {
      throw new SottoError(
        'invalid_option',
        `"${chosen}" cannot be the name of a subscription, or is one already.`,
      );
    }
    this.#names.add(chosen);
    return chosen;
  }

  async #end(subscription: Subscription, mailbox: Mailbox, keep: boolean): Promise<void> {
    this.#subscriptions.delete(subscription);
    try {
      await this.#road.unsubscribe(mailbox, keep);
    } finally {
      this.#names.delete(mailbox.name);
      mailbox.inbox.close();
      await mailbox.inbox.discard();
    }
  }
}

function patternsOf({ exact = [], glob = [] }: SubscribeOptions): readonly Pattern[] {
  const patterns: Pattern[] = [
    ...exact.map((topic) => ({ kind: 'exact', topic: topicOf(topic) }) as const),
    ...glob.map((each) => ({ kind: 'glob', glob: each }) as const),
  ];
  if (patterns.length > 0) return patterns;
  throw new SottoError('invalid_option', 'A subscription needs a topic (exact) or a glob.');
}

function topicOf(topic: string | Bytes): Bytes {
  const bytes = typeof topic === 'string' ? encodeUtf8(topic) : topic;
  if (bytes.length <= MAX_TOPIC) return bytes;
  throw new SottoError('invalid_argument', `A topic has ${bytes.length} bytes; ${MAX_TOPIC} are the most.`);
}
