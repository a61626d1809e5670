/** What a subscription has got and nobody has read yet; the same message, told twice, is there once. */

import { type Bytes, mapKey } from '../../bytes/bytes.ts';
import { bytesOf } from '../delivery/bytes-of.ts';
import { type CollectedMessage, messageInMemory } from '../delivery/message.ts';
import type { Spans } from '../operations/spans.ts';
import type { TopicSeal } from '../sealed-topics.ts';
import type { Pattern } from '../stores/store.ts';
import { globMatches } from '../topics/glob.ts';
import { Inbox, ReceivedMessage } from './inbox.ts';

/** A message as some road brought it. */
export interface Arrived {
  readonly topic: Bytes;
  readonly identifier: Bytes;
  readonly body: CollectedMessage;
  /** Of the message, as it came. */
  readonly tracing: Bytes;
}

interface MailboxOptions {
  /** The end of its webhook's url. */
  readonly name: string;
  readonly patterns: readonly Pattern[];
  /** What opens sealed messages; null where none are. */
  readonly seal: TopicSeal | null;
  readonly maxWaiting: number;
  readonly spans: Spans;
  /** Called with a topic of which something was missed; null where it may be any of them. */
  readonly onMissed: (topic: Bytes | null) => void;
  /** Called with each message that is not sealed as it should be; it counts as missed. */
  readonly onUnopened: (topic: Bytes) => void;
}

/** Identifiers that are remembered: more than can be on their way by two roads at one time. */
const MOST_KNOWN = 10_000;

export class Mailbox {
  readonly name: string;
  readonly patterns: readonly Pattern[];
  readonly inbox: Inbox;
  readonly onMissed: (topic: Bytes | null) => void;
  readonly #seal: TopicSeal | null;
  readonly #spans: Spans;
  readonly #onUnopened: (topic: Bytes) => void;
  readonly #exacts: ReadonlySet<string>;
  readonly #globs: readonly string[];
  readonly #known = new Set<string>();

  constructor({ name, patterns, seal, spans, maxWaiting, onMissed, onUnopened }: MailboxOptions) {
    this.name = name;
    this.#seal = seal;
    this.#spans = spans;
    this.#onUnopened = onUnopened;
    this.patterns = patterns;
    this.inbox = new Inbox(maxWaiting);
    this.onMissed = onMissed;
    this.#exacts = new Set(patterns.flatMap((each) => (each.kind === 'exact' ? [mapKey(each.topic)] : [])));
    this.#globs = patterns.flatMap((each) => (each.kind === 'glob' ? [each.glob] : []));
  }

  wants(topic: Bytes): boolean {
    return this.#exacts.has(mapKey(topic)) || this.#globs.some((glob) => globMatches(glob, topic));
  }

  /** Whether it is here now, or was already; where it is not, the body is still the caller's. */
  async take({ topic, identifier, body, tracing }: Arrived): Promise<boolean> {
    const name = mapKey(identifier);
    if (this.#known.has(name)) {
      await body.remove();
      return true;
    }
    if (!this.inbox.hasRoom) return false;
    this.#remember(name);
    try {
      const opened = this.#seal?.covers(topic) ? await openBody(this.#seal, topic, body) : body;
      if (opened)
        this.inbox.put(new ReceivedMessage({ topic, identifier, tracing, body: opened }, this.#spans));
      else {
        this.#onUnopened(topic);
        this.onMissed(topic);
      }
    } catch (error) {
      this.#known.delete(name); // it may come again
      throw error;
    }
    return true;
  }

  #remember(name: string): void {
    this.#known.add(name);
    if (this.#known.size <= MOST_KNOWN) return;
    const [oldest = ''] = this.#known;
    this.#known.delete(oldest);
  }
}

/** What was sealed, in memory; null for what does not open. The sealed body is let go of. */
async function openBody(
  seal: TopicSeal,
  topic: Bytes,
  body: CollectedMessage,
): Promise<CollectedMessage | null> {
  try {
    if (body.length > seal.maxSealed) return null;
    const opened = seal.open(topic, await bytesOf(body.chunks()));
    return opened && messageInMemory(opened);
  } finally {
    await body.remove();
  }
}
