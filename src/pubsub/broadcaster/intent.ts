/**
 * Whether a url wants to be subscribed: asked once before anything is sent to it, so that nobody can point a broadcaster at
 * somebody else.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import { StatusError } from '../../errors.ts';
import { Gate } from '../delivery/gate.ts';
import { Recent } from '../delivery/recent.ts';
import type { Pattern, Wanted } from '../stores/store.ts';

/** What a url is asked. */
export interface IntentQuestion {
  readonly url: string;
  /** What it is to be subscribed to first: a topic, or a glob. */
  readonly topic: Bytes;
  /** Aborted when its time is over. */
  readonly signal: AbortSignal;
}

export interface IntentOptions {
  /** Asks a url; false, or a rejection, where it does not confirm. */
  readonly ask: (question: IntentQuestion) => Promise<boolean>;
  /** Whether a url need not be asked, since it has subscriptions already, for instance. Default: each must. */
  readonly isKnown?: (url: string) => boolean | Promise<boolean>;
  /** One question's time, ms. Default 5000. */
  readonly timeout?: number;
  /** Urls that have confirmed, remembered; the others are asked again. Default 10 000. */
  readonly maxConfirmed?: number;
  /** A url that has not is not asked again for so long, ms. Default 10 000. */
  readonly refusalLasts?: number;
  /** Questions at one time, in all. Default 32. */
  readonly maxQuestions?: number;
  /** Questions at one time to one host. Default 2. */
  readonly maxQuestionsPerHost?: number;
  /** Questions that wait; who asks for more is told to come again. Default 256. */
  readonly maxWaiting?: number;
  /** Questions that wait for one host, so that one that hangs keeps nobody else out. Default 16. */
  readonly maxWaitingPerHost?: number;
  /** Recovery urls of other origins than the url they belong to, in one request. Default 8. */
  readonly maxRecoveries?: number;
  /** A clock in ms. Default `Date.now`. */
  readonly now?: () => number;
}

const DEFAULTS = {
  isKnown: () => false,
  timeout: 5000,
  maxConfirmed: 10_000,
  refusalLasts: 10_000,
  maxQuestions: 32,
  maxQuestionsPerHost: 2,
  maxWaiting: 256,
  maxWaitingPerHost: 16,
  maxRecoveries: 8,
  now: (): number => Date.now(),
};

export class IntentCheck {
  readonly #options: Required<IntentOptions>;
  readonly #confirmed: Recent<true>;
  /** Until when. */
  readonly #refused: Recent<number>;
  readonly #open = new Map<string, Promise<boolean>>();
  readonly #gate: Gate;
  /** Questions to each host, waiting or asked. */
  readonly #ofHosts = new Map<string, number>();

  constructor(options: IntentOptions) {
    this.#options = { ...DEFAULTS, ...options };
    const { maxConfirmed, maxQuestions, maxQuestionsPerHost } = this.#options;
    this.#confirmed = new Recent(maxConfirmed);
    this.#refused = new Recent(maxConfirmed);
    const perHost = maxQuestionsPerHost;
    this.#gate = new Gate({ inAll: maxQuestions, perUrl: 1, perHost, waitingPerUrl: 0 });
  }

  /**
   * Whether a url may be subscribed to what it is wanted for. A recovery url of another origin is asked too: there, too,
   * something will be sent.
   *
   * @throws StatusError 503 where too many questions wait; what `isKnown` throws.
   */
  async confirmAll(url: string, wanted: Iterable<Wanted>): Promise<boolean> {
    const topics = new Map<string, Bytes>();
    for (const { pattern, recovery } of wanted) {
      if (!topics.has(url)) topics.set(url, topicOf(pattern));
      const isOther = recovery !== null && !isSameOrigin(url, recovery);
      if (isOther && !topics.has(recovery)) topics.set(recovery, topicOf(pattern));
      if (topics.size > this.#options.maxRecoveries + 1) return false;
    }
    for (const [each, topic] of topics) if (!(await this.confirm(each, topic))) return false;
    return true;
  }

  /** Whether a url wants to be subscribed; who asks for the same meanwhile gets the same answer. @throws as `confirmAll`. */
  confirm(url: string, topic: Bytes): Promise<boolean> {
    const open = this.#open.get(url);
    if (open) return open;
    const answer = this.#confirm(url, topic).finally(() => this.#open.delete(url));
    this.#open.set(url, answer);
    return answer;
  }

  async #confirm(url: string, topic: Bytes): Promise<boolean> {
    if (this.#confirmed.get(url)) return true;
    const { isKnown, now, refusalLasts } = this.#options;
    if ((this.#refused.get(url) ?? 0) > now()) return false;
    const isWanted = (await isKnown(url)) || (await this.#ask(url, topic));
    if (isWanted) this.#confirmed.set(url, true);
    else this.#refused.set(url, now() + refusalLasts);
    return isWanted;
  }

  async #ask(url: string, topic: Bytes): Promise<boolean> {
    const { ask, timeout } = this.#options;
    const host = hostOf(url);
    const answer = this.#mayWait(host)
      ? await this.#counted(host, () =>
          this.#gate.pass(url, () => inTime(timeout, (signal) => ask({ url, topic, signal }))),
        )
      : null;
    if (answer !== null) return answer;
    throw new StatusError(503, 'Too many urls are being asked now.', { code: 'unavailable' });
  }

  #mayWait(host: string): boolean {
    const { maxWaiting, maxWaitingPerHost, maxQuestionsPerHost } = this.#options;
    const ofHost = this.#ofHosts.get(host) ?? 0;
    return this.#gate.waiting < maxWaiting && ofHost < maxQuestionsPerHost + maxWaitingPerHost;
  }

  async #counted<T>(host: string, work: () => Promise<T>): Promise<T> {
    this.#ofHosts.set(host, (this.#ofHosts.get(host) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#ofHosts.get(host) ?? 0) - 1;
      if (left > 0) this.#ofHosts.set(host, left);
      else this.#ofHosts.delete(host);
    }
  }
}

/** Who does not answer in time, or cannot be asked, has not confirmed. */
async function inTime(timeout: number, ask: (signal: AbortSignal) => Promise<boolean>): Promise<boolean> {
  const controller = new AbortController();
  const over = new Promise<false>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve(false), { once: true });
  });
  const timer = setTimeout(() => controller.abort(), timeout);
  try {
    return await Promise.race([ask(controller.signal), over]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** All ports of a host are one host, as for deliveries. */
function hostOf(url: string): string {
  return URL.parse(url)?.hostname ?? url;
}

function topicOf(pattern: Pattern): Bytes {
  return pattern.kind === 'exact' ? pattern.topic : encodeUtf8(pattern.glob);
}

function isSameOrigin(left: string, right: string): boolean {
  const origin = URL.parse(left)?.origin;
  return origin !== undefined && origin !== 'null' && origin === URL.parse(right)?.origin;
}
