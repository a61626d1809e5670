/** What a broadcaster tells Prometheus. No label has a topic, a url, or anything else that strangers choose. */

import { openMetrics } from '#metrics';
import type { MetricsText, Observer } from '../../platform/metrics.ts';
import type { DeliveryStatus } from './delivery-log.ts';
import { within } from './within.ts';

/** What is read when somebody asks for the metrics; what rejects is left out of that answer. */
export interface MetricsSources {
  /** How often each thing has happened; the names are ours, never from the network. */
  counters(): Readonly<Record<string, number>>;
  /** Subscriptions by url, and of connections. */
  subscriptions(): number;
  websockets(): number;
  deliveriesRunning(): number;
  deliveriesWaiting(): number;
  /** Messages missed that their subscribers have yet to be told of. */
  missedWaiting(): number | Promise<number>;
  /** Notifications whose subscribers have not all settled. */
  underWay(): number;
}

const OUTCOMES = ['received', 'failed', 'unsubscribed'] as const;
type Outcome = (typeof OUTCOMES)[number];

const PREFIX = 'sotto_pubsub_';
/** Up to the longest that a delivery may take by default, and beyond, s. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Bytes: 64, then four times as many, up to 1 GiB. */
const BYTES = Array.from({ length: 13 }, (_, step) => 64 * 4 ** step);
/** ms. */
const SOURCE_TIMEOUT = 2000;

export class BroadcasterMetrics {
  readonly #deliveries: Readonly<Record<Outcome, Observer>>;
  readonly #notifications: Observer;
  readonly #bytes: Observer;
  readonly #text: () => Promise<MetricsText>;

  /**
   * Loads the library; each has a registry of its own.
   *
   * @throws SottoError `unsupported_platform` in a browser.
   */
  static async open(sources: MetricsSources): Promise<BroadcasterMetrics> {
    return new BroadcasterMetrics(await openMetrics(), sources);
  }

  private constructor(registry: Awaited<ReturnType<typeof openMetrics>>, sources: MetricsSources) {
    registry.counters(
      named('events_total', 'What has happened, by its name in the counters of the broadcaster.'),
      'event',
      () => sources.counters(),
    );
    for (const [name, help, read] of gaugesOf(sources)) registry.gauge(named(name, help), read);
    this.#deliveries = registry.histograms(
      named('delivery_duration_seconds', 'How long deliveries took, with their waiting and all their tries.'),
      SECONDS,
      { name: 'outcome', values: OUTCOMES },
    );
    this.#notifications = registry.histogram(
      named('notify_duration_seconds', 'How long notifications took until all subscribers had settled.'),
      SECONDS,
    );
    this.#bytes = registry.histogram(named('message_bytes', 'Bytes of the messages notified.'), BYTES);
    this.#text = () => registry.text();
  }

  /** A delivery has ended, after so many ms. Announcements of what was missed are no deliveries. */
  delivered(status: DeliveryStatus, duration: number): void {
    if (status in this.#deliveries) this.#deliveries[status as Outcome].observe(duration / 1000);
  }

  /** A notification has ended, after so many ms. */
  notified(duration: number, bytes: number): void {
    this.#notifications.observe(duration / 1000);
    this.#bytes.observe(bytes);
  }

  /** All of it, and the process's own, in the text form of Prometheus. */
  text(): Promise<MetricsText> {
    return this.#text();
  }
}

function gaugesOf(sources: MetricsSources): readonly [string, string, () => number | Promise<number>][] {
  return [
    ['subscriptions', 'Subscriptions that there are.', () => sources.subscriptions()],
    ['websockets', 'Connections of subscribers that are open.', () => sources.websockets()],
    ['deliveries_running', 'Deliveries under way.', () => sources.deliveriesRunning()],
    ['deliveries_waiting', 'Deliveries that wait for their turn.', () => sources.deliveriesWaiting()],
    // A store that hangs keeps nobody from the rest.
    [
      'missed_waiting',
      'Messages missed of which to tell yet.',
      () => within(SOURCE_TIMEOUT, () => sources.missedWaiting()),
    ],
    ['notifications_under_way', 'Notifications that not everybody has settled.', () => sources.underWay()],
  ];
}

function named(name: string, help: string): { readonly name: string; readonly help: string } {
  return { name: `${PREFIX}${name}`, help };
}
