/** Publish and subscribe in a real browser: a page in Chromium, by WebSocket, with a broadcaster in Node. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type BuildOptions, build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { BuiltFiles } from '../../scripts/built-files.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { generateTopicSecret, topicKeyring } from '../../src/pubsub/sealed-topics.ts';
import type { SubscriberOptions } from '../../src/pubsub/subscriber/options.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import { launchChromium, type Site, serveScript } from '../support/page.ts';

const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
const MEBIBYTE = 1024 * 1024;

/** What package.json gives bundlers for browsers, as a source. */
function browserEntry(): string {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    exports: { './pubsub': { browser: string } };
  };
  const built = exports['./pubsub'].browser;
  return join(process.cwd(), built.replace('./dist/', './src/').replace(/\.js$/, '.ts'));
}

function bundling(contents: string): BuildOptions {
  return {
    stdin: { contents, resolveDir: process.cwd(), loader: 'ts' },
    alias: { 'sotto/pubsub': browserEntry() },
    bundle: true,
    format: 'esm',
    platform: 'browser',
  };
}

/** What happens to the page's subscription, in its order, one at a time for whoever asks. */
const PAGE_SCRIPT = `
  import { hmacAuth, Subscriber, topicKeyring } from 'sotto/pubsub';
  const [events, waiting] = [[], []];
  const tell = (event) => (waiting.length > 0 ? waiting.shift()(event) : events.push(event));
  const text = (bytes) => bytes && new TextDecoder().decode(bytes);
  const told = async (message) => {
    const bytes = await message.bytes();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return { topic: text(message.topic), length: bytes.length, sha256 };
  };
  globalThis.start = async ({ broadcasters, secrets, sealed, exact, glob }) => {
    const keyring = topicKeyring({ secrets: sealed, topics: ['sealed/*'] });
    const auth = hmacAuth(secrets);
    globalThis.subscriber = await Subscriber.connect({ broadcasters, transport: 'websocket', auth, keyring });
    const onMissed = (topic) => tell({ missed: text(topic) });
    const subscription = await subscriber.subscribe({ exact, glob, onMissed });
    void (async () => {
      for await (const message of subscription) tell(await told(message));
    })();
  };
  globalThis.nextEvent = () => new Promise((resolve) => {
    if (events.length > 0) resolve(events.shift());
    else waiting.push(resolve);
  });
  globalThis.notify = (topic, body) => subscriber.notify(topic, body);
  globalThis.notifyLong = (topic, length) => subscriber.notify(topic, new Uint8Array(length).fill(7));
`;

interface Told {
  readonly topic: string;
  readonly length: number;
  readonly sha256: string;
}

function toldOf(topic: string, body: string | Uint8Array): Told {
  const bytes = Buffer.from(body);
  return { topic, length: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** A page that has subscribed. */
class SubscribedPage {
  readonly #page: Page;

  static async open(page: Page, options: object): Promise<SubscribedPage> {
    await page.waitForFunction('globalThis.start !== undefined');
    await page.evaluate(`start(${JSON.stringify(options)})`);
    return new SubscribedPage(page);
  }

  private constructor(page: Page) {
    this.#page = page;
  }

  /** The next message, or word of what was missed. */
  next(): Promise<Told | { missed: string | null }> {
    return this.#page.evaluate('nextEvent()');
  }

  notify(topic: string, body: string): Promise<{ notified: number }> {
    return this.#page.evaluate(`notify(${JSON.stringify(topic)}, ${JSON.stringify(body)})`);
  }

  /** So many bytes of 7. */
  notifyLong(topic: string, length: number): Promise<{ notified: number }> {
    return this.#page.evaluate(`notifyLong(${JSON.stringify(topic)}, ${length})`);
  }
}

function broadcasting(port = 0): Promise<Broadcaster> {
  const listen = `http://127.0.0.1:${port}`;
  return Broadcaster.start({ listen, store: 'sqlite::memory:', auth: hmacAuth(SECRETS) });
}

function connect({ address }: Broadcaster, options: Partial<SubscriberOptions> = {}): Promise<Subscriber> {
  const transport = 'websocket';
  return Subscriber.connect({ broadcasters: address, transport, auth: hmacAuth(SECRETS), ...options });
}

describe('a page', () => {
  let site: Site;
  let browser: Browser;

  before(async () => {
    const { outputFiles } = await build({ ...bundling(PAGE_SCRIPT), write: false });
    site = await serveScript(outputFiles?.[0]?.text ?? '');
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    site?.[Symbol.dispose]();
  });

  async function pageFor({ address }: Broadcaster, options: object): Promise<SubscribedPage> {
    const page = await browser.newPage();
    await page.goto(site.url);
    const sealed = generateTopicSecret();
    return SubscribedPage.open(page, { broadcasters: address, secrets: SECRETS, sealed, ...options });
  }

  test('hears of topics and globs, short and in parts, under HMAC', async () => {
    await using broadcaster = await broadcasting();
    await using publisher = await connect(broadcaster);
    const page = await pageFor(broadcaster, { exact: ['exact'], glob: ['glob/*'] });
    const long = randomBytes(MEBIBYTE);
    for (const [topic, body] of [
      ['exact', 'short'],
      ['glob/a', ''],
      ['glob/a/b', long],
      ['exact', 'é'],
    ] as const) {
      assert.deepEqual(await publisher.notify(topic, body), { notified: 1 });
      assert.deepEqual(await page.next(), toldOf(topic, body));
    }
    assert.deepEqual(await publisher.notify('other', 'nobody hears this'), { notified: 0 });
  });

  test('tells, short and in parts, a program and itself', async () => {
    await using broadcaster = await broadcasting();
    await using subscriber = await connect(broadcaster);
    await using subscription = await subscriber.subscribe({ glob: ['*'] });
    const page = await pageFor(broadcaster, { exact: ['mine'], glob: [] });
    assert.deepEqual(await page.notify('mine', 'short'), { notified: 2 });
    assert.deepEqual(await page.notifyLong('mine', MEBIBYTE), { notified: 2 });
    const expected = [toldOf('mine', 'short'), toldOf('mine', new Uint8Array(MEBIBYTE).fill(7))];
    assert.deepEqual([await page.next(), await page.next()], expected);
    const messages = subscription[Symbol.asyncIterator]();
    for (const told of expected) {
      const { value: message } = await messages.next();
      assert.deepEqual(toldOf('mine', (await message?.bytes()) ?? ''), told);
    }
  });

  test('is told that it may have missed some when the broadcaster comes back, and hears again', async () => {
    const first = await broadcasting();
    const page = await pageFor(first, { exact: ['exact'], glob: ['glob/*'] });
    const port = Number(new URL(first.address).port);
    await first.close();
    await using second = await broadcasting(port);
    assert.deepEqual(await page.next(), { missed: null });
    await using publisher = await connect(second);
    for (const topic of ['exact', 'glob/a']) {
      assert.deepEqual(await publisher.notify(topic, 'again'), { notified: 1 });
      assert.deepEqual(await page.next(), toldOf(topic, 'again'));
    }
    assert.deepEqual(await page.notify('exact', 'from the page'), { notified: 1 });
    assert.deepEqual(await page.next(), toldOf('exact', 'from the page'));
  });

  test('opens a sealed topic, which the broadcaster cannot read, and says what does not open', async () => {
    await using broadcaster = await broadcasting();
    const sealed = generateTopicSecret();
    const keyring = topicKeyring({ secrets: sealed, topics: ['sealed/*'] });
    await using publisher = await connect(broadcaster, { keyring });
    await using plain = await connect(broadcaster);
    await using reading = await plain.subscribe({ glob: ['sealed/*'] });
    const page = await pageFor(broadcaster, { sealed, exact: [], glob: ['sealed/*'] });
    assert.deepEqual(await publisher.notify('sealed/a', 'for us alone'), { notified: 2 });
    assert.deepEqual(await page.next(), toldOf('sealed/a', 'for us alone'));
    const { value: message } = await reading[Symbol.asyncIterator]().next();
    assert.ok(!Buffer.from((await message?.bytes()) ?? '').includes('for us alone'));
    await plain.notify('sealed/b', 'anybody could say this');
    assert.deepEqual(await page.next(), { missed: 'sealed/b' });
    assert.deepEqual(await page.notify('sealed/c', 'from the page'), { notified: 2 });
    assert.deepEqual(await page.next(), toldOf('sealed/c', 'from the page'));
  });
});

/** Of what a page loads from the start, gzip, bytes; CBOR, words and OpenTelemetry come when they are needed. */
const MOST = 41_000;

test("the bundle has the subscriber's end alone, and nothing of Node", async () => {
  const files = new BuiltFiles(
    await build({
      ...bundling(`export * from 'sotto/pubsub';`),
      ...{ metafile: true, write: false, minify: true, splitting: true, outdir: 'unwritten' },
    }),
  );
  const loaded = [...files.loadedBy('stdin.js')];
  const modules = files.modulesOf(loaded);
  for (const name of loaded) assert.ok(!/["']node:|\brequire\(/.test(files.textOf(name)), name);
  const strays =
    /platform\/node\/|pubsub\/(broadcaster|stores\/sqlite)|operations\/(metrics|watch|delivery-log)|prom-client|\/ws\//;
  assert.ok(!strays.test(modules), modules);
  const size = files.sizeOf(loaded);
  console.log(`sotto/pubsub in a browser: ${size} bytes gzip`);
  assert.ok(size < MOST, `${size} bytes gzip; of them:\n${modules}`);
});
