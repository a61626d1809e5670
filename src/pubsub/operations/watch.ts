/** Who looks on while a broadcaster works: its counters, its delivery log, its metrics, and traces. */

import type { Logger } from '../../app/message.ts';
import { EMPTY } from '../../bytes/bytes.ts';
import { Counters } from '../../sealed/counters.ts';
import type { Notification } from '../delivery/fan-out.ts';
import type { Outcome } from '../delivery/format.ts';
import type { Delivery, DeliveryLog } from './delivery-log.ts';
import { BroadcasterMetrics, type MetricsSources } from './metrics.ts';
import { loadSpans, type MessageSpan, NO_SPANS, type Spans } from './spans.ts';
import { SqliteDeliveryLog } from './sqlite-delivery-log.ts';

interface WatchOptions {
  /** `sqlite:FILE`, one of one's own, or none. */
  readonly deliveryLog: `sqlite:${string}` | DeliveryLog | null;
  /** Null for no metrics. */
  readonly sources: Omit<MetricsSources, 'counters' | 'underWay'> | null;
  readonly now: () => number;
  readonly log: Logger;
}

/** One delivery from its beginning to its end. */
export interface WatchedDelivery<T> {
  /** What it carries: the notification, with the tracing of this hop. */
  readonly notification: T;
  end(outcome: Outcome, tries: number): void;
}

export class Watch {
  readonly #counters = new Counters();
  readonly #now: () => number;
  #spans: Spans = NO_SPANS;
  #log: DeliveryLog | null = null;
  #metrics: BroadcasterMetrics | null = null;
  #underWay = 0;

  /** @throws SottoError `invalid_option` for a log that cannot be opened. */
  static async open({ deliveryLog, sources, now, log }: WatchOptions): Promise<Watch> {
    const watch = new Watch(now);
    watch.#spans = await loadSpans();
    if (typeof deliveryLog === 'string') {
      watch.#log = await SqliteDeliveryLog.open(deliveryLog.slice('sqlite:'.length), { now, log });
    } else watch.#log = deliveryLog;
    if (sources) {
      watch.#metrics = await BroadcasterMetrics.open({
        ...sources,
        counters: () => watch.counters,
        underWay: () => watch.#underWay,
      });
    }
    return watch;
  }

  /** One that only counts. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get counters(): Readonly<Record<string, number>> {
    const dropped = this.#log?.counts.dropped ?? 0;
    return { ...this.#counters.snapshot(), ...(dropped > 0 ? { delivery_log_dropped: dropped } : {}) };
  }

  get metrics(): BroadcasterMetrics | null {
    return this.#metrics;
  }

  readonly onEvent = (event: string): void => this.#counters.add(event);

  /** A notification begins; what it gives is called at its end. */
  notifying(bytes: number): () => void {
    const begun = this.#now();
    this.#underWay += 1;
    return () => {
      this.#underWay -= 1;
      this.#metrics?.notified(this.#now() - begun, bytes);
    };
  }

  /** A delivery begins; null where nobody looks on but the counters. */
  delivering<T extends Notification>(notification: T, url: string): WatchedDelivery<T> | null {
    const { topic, identifier, body, tracing } = notification;
    const span = this.#spans.start('deliver', tracing, { topic, identifier, bytes: body.length, url });
    if (!span && !this.#log && !this.#metrics) return null;
    const begun = this.#now();
    return {
      notification: span ? { ...notification, tracing: span.tracing } : notification,
      end: (outcome, tries) => this.#delivered(outcome, tries, { notification, url, begun, span }),
    };
  }

  /** An announcement of what was missed has ended. */
  announced(status: Delivery['status'], about: Pick<Delivery, 'topic' | 'url' | 'tries' | 'why'>): void {
    const rest = { identifier: EMPTY, subscribers: 0, duration: 0, bytes: 0 };
    this.#log?.record({ ...rest, ...about, at: this.#now(), status });
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  #delivered(
    outcome: Outcome,
    tries: number,
    about: {
      readonly notification: Notification;
      readonly url: string;
      readonly begun: number;
      readonly span: MessageSpan | null;
    },
  ): void {
    const { notification, url, begun, span } = about;
    const why = outcome.state === 'failed' ? outcome.why : '';
    const at = this.#now();
    const duration = at - begun;
    span?.end(why);
    this.#metrics?.delivered(outcome.state, duration);
    this.#log?.record({
      at,
      topic: notification.topic,
      url,
      identifier: notification.identifier,
      tries,
      status: outcome.state,
      subscribers: outcome.state === 'received' ? outcome.subscribers : 0,
      why,
      duration,
      bytes: notification.body.length,
    });
  }
}
