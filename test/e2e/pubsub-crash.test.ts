/**
 * A broadcaster is killed in the middle of its work, subscribers go away and are slow: whatever was published is delivered,
 * or its topic announced as missed after it.
 */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { decodeUtf8, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { hashedMessage } from '../../src/pubsub/delivery/message.ts';
import { inEtagOrder } from '../../src/pubsub/etag.ts';
import type { BroadcasterOptions } from '../../src/pubsub/options.ts';
import type { Pattern } from '../../src/pubsub/stores/store.ts';
import { BroadcasterCalls } from '../../src/pubsub/subscriber/calls.ts';
import type { OutgoingMessage } from '../../src/pubsub/subscriber/road.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import { until } from '../support/lookup.ts';
import { SpawnedBroadcaster } from '../support/spawned-broadcaster.ts';
import { type WebhookEvent, Webhooks } from '../support/webhooks.ts';

const MESSAGES = 10_000;
const TOPICS = Array.from({ length: 20 }, (_, number) => `t/${number}`);
const KILLS = 3;
/** Notifications under way at one time. */
const AT_ONCE = 64;
/** As many deliveries as one url gets at one time. */
const PER_URL = 8;

const folder = mkdtempSync(join(tmpdir(), 'sotto-pubsub-crash-'));
after(() => rmSync(folder, { recursive: true }));

function exact(topic: string): Pattern {
  return { kind: 'exact', topic: encodeUtf8(topic) };
}

const EVERYTHING: Pattern = { kind: 'glob', glob: 't/*' };
/** By webhooks of the test's own; the second is subscribed to some topics twice, and to others not at all. */
const WEBHOOKS: Readonly<Record<string, readonly Pattern[]>> = {
  slow: [EVERYTHING],
  some: [...TOPICS.slice(0, 5).map(exact), { kind: 'glob', glob: 't/4*' }],
};
/** By Subscribers. */
const ROADS = ['websocket', 'both'] as const;
const NAMES = [...Object.keys(WEBHOOKS), ...ROADS];

function callsTo(address: string): BroadcasterCalls {
  const options = { auth: noneAuth(), timeout: 30_000, retries: 0, backoff: { first: 1, tries: 1 } };
  return new BroadcasterCalls({ broadcasters: [address], ...options });
}

function messageOf(topic: string, text: string): OutgoingMessage {
  return {
    topic: encodeUtf8(topic),
    identifier: randomBytes(16),
    tracing: EMPTY,
    ...hashedMessage(encodeUtf8(text)),
  };
}

interface Sent {
  readonly topic: string;
  /** Its place among everything that happened. */
  readonly at: number;
  state: 'under way' | 'confirmed' | 'given up';
}

/** Everything that was sent and heard of, in its order. */
class Ledger {
  readonly sent: Sent[] = [];
  readonly #heard = new Map<string, Set<number>>();
  readonly #identifiers = new Map<number, Set<string>>();
  /** Messages that the broadcaster has begun to deliver, as far as can be seen. */
  readonly #begun = new Set<number>();
  /** By subscriber and topic: when it was told last that it had missed something. */
  readonly #toldAt = new Map<string, number>();
  readonly #gaps = new Map<string, number>();
  #now = 0;

  /** @returns its number. */
  begin(topic: string): number {
    return this.sent.push({ topic, at: this.#now++, state: 'under way' }) - 1;
  }

  settle(number: number, state: Sent['state']): void {
    const sent = this.sent[number];
    if (sent) sent.state = state;
  }

  readonly note = (name: string, event: WebhookEvent): void => {
    if (event.type === 'missed') return void this.#toldAt.set(`${name} ${event.topic}`, this.#now++);
    const number = Number(event.text);
    this.#heardBy(name).add(number);
    const identifiers = this.#identifiers.get(number) ?? new Set();
    this.#identifiers.set(number, identifiers.add(event.identifier));
    // Connections get it while the disk is still being told that it has begun.
    if (name !== 'websocket') this.#begun.add(number);
  };

  /** A connection was lost: it may have missed something of any topic. */
  noteGap(name: string): void {
    for (const topic of TOPICS) this.#toldAt.set(`${name} ${topic}`, this.#now++);
    this.#gaps.set(name, this.gapsOf(name) + 1);
  }

  gapsOf(name: string): number {
    return this.#gaps.get(name) ?? 0;
  }

  count(state: Sent['state']): number {
    return this.sent.filter((each) => each.state === state).length;
  }

  /** Whether a subscriber has got everything that is under way. */
  hasAllUnderWay(name: string): boolean {
    const heard = this.#heardBy(name);
    return this.sent.every(({ state }, number) => state !== 'under way' || heard.has(number));
  }

  /** Messages that a subscriber has not got, although they were confirmed, or begun. */
  missing(name: string): readonly Sent[] {
    const heard = this.#heardBy(name);
    return this.sent.filter(({ topic, state }, number) => {
      if (heard.has(number) || !wants(name, topic) || state === 'under way') return false;
      return state === 'confirmed' || this.#begun.has(number);
    });
  }

  /** Missing, and nobody has said so since. */
  lost(name: string): readonly Sent[] {
    return this.missing(name).filter(({ topic, at }) => (this.#toldAt.get(`${name} ${topic}`) ?? -1) < at);
  }

  /** How many messages came under more than one identifier, so that nobody could know them again. */
  get renamed(): number {
    return [...this.#identifiers.values()].filter(({ size }) => size > 1).length;
  }

  #heardBy(name: string): Set<number> {
    const known = this.#heard.get(name) ?? new Set();
    this.#heard.set(name, known);
    return known;
  }
}

function wants(name: string, topic: string): boolean {
  return name !== 'some' || TOPICS.indexOf(topic) < 5;
}

/** Subscribes by a Subscriber and reads until it is closed. */
async function reading(
  broadcasters: string,
  transport: 'websocket' | 'both',
  ledger: Ledger,
): Promise<Subscriber> {
  const listen = transport === 'both' ? { listen: 'http://127.0.0.1:0' } : {};
  const subscriber = await Subscriber.connect({ broadcasters, transport, maxWaiting: MESSAGES, ...listen });
  const subscription = await subscriber.subscribe({
    glob: ['t/*'],
    onMissed: (topic) => {
      if (topic === null) ledger.noteGap(transport);
      else ledger.note(transport, { type: 'missed', topic: decodeUtf8(topic) });
    },
  });
  void (async () => {
    for await (const message of subscription) {
      const [topic, identifier] = [decodeUtf8(message.topic), encodeHex(message.identifier)];
      ledger.note(transport, { type: 'received', topic, identifier, text: await message.text() });
    }
  })();
  return subscriber;
}

/** The process that is killed, on the port that it had, and over the file that it left. */
class Victim implements AsyncDisposable {
  readonly #options: Parameters<typeof SpawnedBroadcaster.start>[0];
  #running: Promise<SpawnedBroadcaster>;
  /** Whether nobody should wait for another one. */
  isGone = false;

  static async start(file: string): Promise<Victim> {
    const options = { store: `sqlite:${file}`, sweepInterval: 50 } as const;
    const first = await SpawnedBroadcaster.start({ ...options, listen: 'http://127.0.0.1:0' });
    return new Victim({ ...options, listen: first.address }, first);
  }

  private constructor(options: Parameters<typeof SpawnedBroadcaster.start>[0], first: SpawnedBroadcaster) {
    this.#options = options;
    this.#running = Promise.resolve(first);
  }

  get address(): string {
    return this.#options.listen ?? '';
  }

  /** Resolves once one is there. */
  async running(): Promise<void> {
    await this.#running;
  }

  async killAndRestart(): Promise<void> {
    const victim = await this.#running;
    this.#running = victim.kill().then(() => SpawnedBroadcaster.start(this.#options));
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isGone = true;
    await (await this.#running).kill();
  }
}

/** Tells one after the other; of what fails each second is given up, the others are tried until they are confirmed. */
async function publish(calls: BroadcasterCalls, ledger: Ledger, victim: Victim): Promise<void> {
  while (ledger.sent.length < MESSAGES && !victim.isGone) {
    const topic = TOPICS[ledger.sent.length % TOPICS.length] ?? '';
    const number = ledger.begin(topic);
    const message = messageOf(topic, `${number}`);
    const tell = (): Promise<boolean> =>
      calls.notify(message).then(
        () => true,
        () => false,
      );
    let isTold = await tell();
    while (!isTold && number % 2 === 1 && !victim.isGone) {
      await victim.running();
      isTold = await tell();
    }
    ledger.settle(number, isTold ? 'confirmed' : 'given up');
    if (!isTold) await victim.running();
  }
}

/** Urls subscribed one after the other until it is told to stop: those that were confirmed. */
function subscribing(
  calls: BroadcasterCalls,
  webhooks: Webhooks,
  victim: Victim,
  prefix: string,
): () => Promise<string[]> {
  const confirmed: string[] = [];
  let hasStopped = false;
  const done = (async () => {
    for (let number = 0; !hasStopped && !victim.isGone; number++) {
      await victim.running();
      const name = `${prefix}-${number}`;
      const recovery = webhooks.recoveryOf(name);
      const subscribed = calls.subscribe(webhooks.urlOf(name), { pattern: exact('late'), recovery });
      if (await subscribed.catch(() => false)) confirmed.push(name);
    }
  })();
  return async () => {
    hasStopped = true;
    await done;
    return confirmed;
  };
}

/** Whether the broadcaster owes nobody an announcement. */
function owesNothing(file: string): boolean {
  using database = new DatabaseSync(file, { readOnly: true });
  return database.prepare('SELECT count(*) AS rows FROM sotto_missed').get()?.rows === 0;
}

async function assertSubscribed(
  calls: BroadcasterCalls,
  webhooks: Webhooks,
  all: readonly (readonly [string, readonly Pattern[]])[],
): Promise<void> {
  const found = await Promise.all(
    all.map(async ([name, patterns]) => {
      const recovery = webhooks.recoveryOf(name);
      const wanted = inEtagOrder(patterns).map((pattern) => ({ pattern, recovery }));
      return (await calls.isSubscribed(webhooks.urlOf(name), wanted)) ? [] : [name];
    }),
  );
  assert.deepEqual(found.flat(), [], 'no subscription is lost');
}

test('killed in the middle of ten thousand notifications, again and again: nobody misses one unknowingly', {
  timeout: 120_000,
}, async () => {
  const file = join(folder, 'killed.db');
  const ledger = new Ledger();
  await using webhooks = await Webhooks.start();
  await using victim = await Victim.start(file);
  const calls = callsTo(victim.address);
  const subscribed: [string, readonly Pattern[]][] = Object.entries(WEBHOOKS);
  for (const [name, patterns] of subscribed) {
    const recovery = webhooks.recoveryOf(name);
    for (const pattern of patterns) await calls.subscribe(webhooks.urlOf(name), { pattern, recovery });
  }
  webhooks.onEvent = ledger.note;
  await using subscribers = new AsyncDisposableStack();
  for (const road of ROADS) subscribers.use(await reading(victim.address, road, ledger));
  const published = Promise.all(Array.from({ length: AT_ONCE }, () => publish(calls, ledger, victim)));
  for (let kill = 1; kill <= KILLS; kill++) {
    const stop = subscribing(calls, webhooks, victim, `late-${kill}`);
    await until(() => ledger.count('confirmed') >= (kill * MESSAGES) / (KILLS + 2));
    webhooks.hold('slow');
    await until(() => webhooks.heldOf('slow') === PER_URL);
    // The first dies with its work in all states; the others when all but one subscriber have got everything.
    if (kill > 1) await until(() => ledger.hasAllUnderWay('both'));
    const gaps = ledger.gapsOf('websocket');
    await victim.killAndRestart();
    webhooks.release('slow');
    subscribed.push(...(await stop()).map((name) => [name, [exact('late')]] as [string, Pattern[]]));
    await until(() => owesNothing(file) && ledger.gapsOf('websocket') > gaps);
    await assertSubscribed(calls, webhooks, subscribed);
    for (const name of NAMES) {
      assert.deepEqual(ledger.lost(name).slice(0, 3), [], `${name}, after kill ${kill}`);
    }
    if (kill > 1) assert.ok(ledger.missing('slow').length > 0, 'the kill was in the middle');
  }
  await published;
  await until(() => owesNothing(file));
  for (const name of NAMES) assert.deepEqual(ledger.lost(name).slice(0, 3), [], name);
  assert.ok(ledger.count('given up') > 0 && ledger.count('under way') === 0);
  assert.equal(ledger.renamed, 0);
  assert.ok(subscribed.length > Object.keys(WEBHOOKS).length + KILLS);
});

interface House {
  readonly broadcaster: Broadcaster;
  readonly calls: BroadcasterCalls;
  readonly webhooks: Webhooks;
  /** Makes whatever is due within so long due now, ms. */
  readonly forward: (ms: number) => void;
}

async function withHouse(
  options: Partial<BroadcasterOptions>,
  names: readonly string[],
  work: (house: House) => Promise<void>,
): Promise<void> {
  let ahead = 0;
  await using webhooks = await Webhooks.start();
  await using broadcaster = await Broadcaster.start({
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
    retry: { tries: 1 },
    sweepInterval: 20,
    now: () => Date.now() + ahead,
    ...options,
  });
  const calls = callsTo(broadcaster.address);
  for (const name of names) {
    const wanted = { pattern: exact('news'), recovery: webhooks.recoveryOf(name) };
    await calls.subscribe(webhooks.urlOf(name), wanted);
  }
  await work({ broadcaster, calls, webhooks, forward: (ms) => (ahead += ms) });
}

describe('a subscriber that is down', () => {
  test('is told when it is up again, once for all that it missed, however often that failed before', async () => {
    await withHouse({}, ['away', 'there'], async ({ broadcaster, calls, webhooks, forward }) => {
      webhooks.setDown('away', true);
      for (const text of ['1', '2', '3']) assert.equal(await calls.notify(messageOf('news', text)), 1);
      for (let failures = 1; failures <= 5; failures++) {
        forward(60_000);
        await until(() => broadcaster.counters.missed_unanswered === failures);
      }
      webhooks.setDown('away', false);
      assert.equal(await calls.notify(messageOf('news', '4')), 2);
      assert.deepEqual(webhooks.missedBy('away'), []);
      forward(60_000);
      await until(() => broadcaster.counters.missed_announced === 1);
      assert.deepEqual(webhooks.missedBy('away'), ['news']);
      assert.deepEqual(webhooks.textsOf('away'), ['4']);
      assert.deepEqual(webhooks.textsOf('there'), ['1', '2', '3', '4']);
      assert.deepEqual(webhooks.missedBy('there'), []);
    });
  });

  test('is told again of what it misses while it is being told', async () => {
    await withHouse({}, ['away'], async ({ broadcaster, calls, webhooks, forward }) => {
      webhooks.setDown('away', true);
      assert.equal(await calls.notify(messageOf('news', '1')), 0);
      webhooks.setDown('away', false);
      webhooks.hold('away');
      forward(60_000);
      await until(() => webhooks.heldOf('away') === 1);
      webhooks.setDown('away', true);
      assert.equal(await calls.notify(messageOf('news', '2')), 0);
      webhooks.setDown('away', false);
      webhooks.release('away');
      forward(60_000);
      await until(() => broadcaster.counters.missed_announced === 2);
      assert.deepEqual(webhooks.missedBy('away'), ['news', 'news']);
    });
  });
});

test('a subscriber that is slow slows no other, and gets all that may wait; the rest is announced', async () => {
  const limits = { maxDeliveries: 6, maxDeliveriesPerUrl: 4, maxWaitingPerUrl: 30 };
  await withHouse({ limits }, ['slow', 'quick'], async ({ calls, webhooks, forward }) => {
    const texts = Array.from({ length: 50 }, (_, number) => `${number}`);
    webhooks.hold('slow');
    const told: Promise<number>[] = [];
    // It may take all but two places: those are enough for the other.
    for (const text of texts) {
      told.push(calls.notify(messageOf('news', text)));
      await until(() => webhooks.textsOf('quick').length === told.length);
    }
    assert.equal(webhooks.heldOf('slow'), limits.maxDeliveriesPerUrl);
    const delivered = limits.maxDeliveriesPerUrl + limits.maxWaitingPerUrl;
    await Promise.all(told.slice(delivered)); // nobody waits for what it will not get
    webhooks.release('slow');
    const counts = await Promise.all(told);
    assert.equal(counts.filter((count) => count === 2).length, delivered);
    assert.equal(webhooks.textsOf('slow').length, delivered);
    forward(60_000);
    await until(() => webhooks.missedBy('slow').length > 0);
    assert.deepEqual(webhooks.missedBy('slow'), ['news']);
    assert.deepEqual(webhooks.textsOf('quick'), texts);
  });
});
