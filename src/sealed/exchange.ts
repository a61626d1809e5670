/** One request under way: the same bytes by every link, again and again, until an answer, an end or the deadline. */

import type { Bytes } from '../bytes/bytes.ts';
import { messageOf, SottoError } from '../errors.ts';
import { type Backoff, backoffDelay } from '../transport/backoff.ts';
import type { Link } from '../transport/transport.ts';

export interface ExchangeOptions {
  readonly packet: Bytes;
  /** In the order in which they join the race. */
  readonly links: readonly Link[];
  readonly backoff: Backoff;
  /** Wait before the next link joins, ms. */
  readonly raceAfter: number;
  /** Until the end, ms. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Nothing will be answered: done as soon as one link has taken the packet. */
  readonly oneWay: boolean;
}

/** How far one link has come with the packet. */
interface Leg {
  readonly link: Link;
  readonly tries: number;
  attempts: number;
  /** Whether the packet is with the link and an answer may come. */
  waiting: boolean;
  ended: boolean;
  failure: unknown;
}

export class Exchange<T> {
  readonly answer: Promise<T>;
  readonly #options: ExchangeOptions;
  readonly #legs: Leg[];
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #stop = new AbortController();
  readonly #onAbort = (): void =>
    this.#fail(new SottoError('aborted', 'The request was given up by its caller.'));
  #resolve: (value: T) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #settled = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#legs = options.links.map((link) => newLeg(link, options.backoff.tries));
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Sends by the first link at once and by each other when its time comes. */
  start(): void {
    const { signal, timeout, raceAfter } = this.#options;
    if (signal?.aborted) return this.#onAbort();
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#after(timeout, () => this.#timeOut());
    for (const [index, leg] of this.#legs.entries()) {
      if (index === 0) this.#send(leg);
      else this.#after(index * raceAfter, () => this.#send(leg));
    }
  }

  /** Lets one more link join, at once. It is tried twice, since its connection may be an old one that is dead. */
  join(link: Link): void {
    if (this.#settled || this.#legs.some((leg) => leg.link === link)) return;
    const leg = newLeg(link, 2);
    this.#legs.push(leg);
    this.#send(leg);
  }

  /** Gives up the links that lose packets, for a reason that stands unless another link answers. */
  leaveLossy(reason: SottoError): void {
    for (const leg of this.#legs.filter((each) => each.link.lossy)) {
      leg.ended = true;
      leg.failure = reason;
    }
  }

  /** The answer has come. */
  settle(value: T): void {
    if (this.#finish()) this.#resolve(value);
  }

  fail(error: unknown): void {
    this.#fail(error);
  }

  /** A link lost its connection: what was sent on it is sent again. */
  cut(link: Link): void {
    const leg = this.#legs.find((each) => each.link === link);
    if (!leg?.waiting || this.#settled) return;
    leg.waiting = false;
    this.#retry(leg, new SottoError('unreachable', `The connection to ${link.url} was cut.`));
  }

  #send(leg: Leg): void {
    if (this.#settled || leg.ended) return;
    leg.attempts += 1;
    leg.waiting = true;
    leg.link.send(this.#options.packet, this.#stop.signal).then(
      () => this.#sent(leg),
      (error: unknown) => {
        leg.waiting = false;
        this.#retry(leg, error);
      },
    );
  }

  #sent(leg: Leg): void {
    if (this.#settled) return;
    if (this.#options.oneWay) return this.settle(undefined as T);
    // A datagram may be lost without a sign; a stream tells when it is cut.
    if (leg.link.lossy && leg.attempts < leg.tries) this.#sendLater(leg);
  }

  #retry(leg: Leg, error: unknown): void {
    if (this.#settled) return;
    leg.failure = error;
    if (!isTelling(error) && leg.attempts < leg.tries) return this.#sendLater(leg);
    leg.ended = true;
    if (this.#legs.every((each) => each.ended)) this.#fail(this.#whyUnanswered());
  }

  #sendLater(leg: Leg): void {
    this.#after(backoffDelay(this.#options.backoff, leg.attempts - 1), () => this.#send(leg));
  }

  #timeOut(): void {
    const silent = this.#legs.filter((leg) => leg.waiting && !leg.link.lossy);
    this.#fail(this.#whyUnanswered());
    // A connection that swallowed a request without a word may be half-open: the next request makes a new one.
    for (const leg of silent) leg.link.reset();
  }

  #whyUnanswered(): SottoError {
    const urls = this.#legs.map((leg) => leg.link.url).join(', ');
    const failures = this.#legs.filter((leg) => leg.ended);
    const telling = failures.map((leg) => leg.failure).find(isTelling);
    if (telling) return telling;
    const heard = this.#legs.find((leg) => leg.link.lastError !== null)?.link.lastError;
    const cause = this.#legs.find((leg) => leg.failure !== undefined)?.failure;
    if (failures.length === this.#legs.length) {
      const why = messageOf(cause ?? heard ?? `${urls} cannot be reached.`);
      return new SottoError('unreachable', why, { cause });
    }
    if (heard) {
      return new SottoError('unreachable', `Nothing answers at ${urls}: ${heard}`, { cause });
    }
    const text =
      `No answer from ${urls} within ${Math.round(this.#options.timeout)} ms: nothing listens there, the network loses it, ` +
      'or the server key is not that of this server (a server is silent to what it cannot open).';
    return new SottoError('timeout', text, { cause });
  }

  #fail(error: unknown): void {
    if (this.#finish()) this.#reject(error);
  }

  #finish(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#stop.abort();
    return true;
  }

  #after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}

/** Failures that say more than that nothing came, and that no further try would mend. */
const TELLING: ReadonlySet<string> = new Set(['refused', 'reply_too_large', 'unsupported_platform']);

function isTelling(failure: unknown): failure is SottoError {
  return failure instanceof SottoError && TELLING.has(failure.code);
}

function newLeg(link: Link, tries: number): Leg {
  return { link, tries, attempts: 0, waiting: false, ended: false, failure: undefined };
}
