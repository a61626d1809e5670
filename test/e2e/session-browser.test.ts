/** Sessions of a real browser: a page in Chromium, by WebSocket and by plain HTTP, with a server in Node. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { createApp } from '../../src/app/app.ts';
import { Identity } from '../../src/keys/identity.ts';
import { SessionServer } from '../../src/session/server.ts';
import type { Session } from '../../src/session/session.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { Journal } from '../support/journal.ts';
import { launchChromium, type Site, serveScript } from '../support/page.ts';

/** Of a stream, far more than may be on their way unasked. */
const MANY = 500;

/** What the page is told, and what happens to its session, in its order. */
const PAGE_SCRIPT = `
  import { Identity } from './src/keys/identity.ts';
  import { SessionClient } from './src/session/index.ts';
  const [events, waiting] = [[], []];
  const tell = (event) => (waiting.length > 0 ? waiting.shift()(event) : events.push(event));
  globalThis.start = async (url, options, key) => {
    const identity = key ? { identity: Identity.from(key) } : {};
    globalThis.client = await SessionClient.connect(url, { ...options, ...identity, reconnectAfter: 10 });
    client.on('/told', ({ body }) => tell(body));
    client.on('/ask', ({ body }) => body + 1);
    for (const type of ['connected', 'disconnected', 'gap', 'closed']) client.on(type, tell);
  };
  globalThis.nextEvent = () => new Promise((resolve) => {
    if (events.length > 0) resolve(events.shift());
    else waiting.push(resolve);
  });
  globalThis.untilNow = () => events.splice(0);
  async function* upTo(most) {
    for (let number = 1; number <= most; number++) yield number;
  }
  globalThis.streamed = async (route, most) => {
    const values = [];
    for await (const value of client.stream(route, most ? upTo(most) : undefined)) values.push(value);
    return values;
  };
  globalThis.firstOf = async (route) => {
    for await (const value of client.stream(route)) return value;
  };
`;

function numbersTo(most: number): number[] {
  return Array.from({ length: most }, (_, index) => index + 1);
}

/** A server that a page reaches over connections that can be cut. */
class Served implements AsyncDisposable {
  readonly server: SessionServer;
  readonly proxy: CuttingProxy;
  readonly url: string;
  /** What happens at the server. */
  readonly events: Journal<string>;

  static async start(scheme: 'ws' | 'http'): Promise<Served> {
    const events = new Journal<string>();
    const app = createApp()
      .on('/echo', ({ body }) => body)
      .on('/who', ({ sender, proof }) => `${proof} ${sender}`)
      .on('/tell', ({ body, session }) => void session?.push('/told', body))
      .on('/ask', ({ body, session }) => session?.request('/ask', body))
      .on('/count/:to', ({ params }) => counting(Number(params.to), events))
      .on('/cut/:to', ({ params }) => counting(Number(params.to), events, () => served.proxy.cut()))
      .on('/double', ({ body }) => doubled(body as AsyncIterable<number>))
      .on('/forever', async function* ({ signal }) {
        yield 'first';
        await once(signal, 'abort');
        events.add('left');
      });
    const server = await SessionServer.start(app, {
      ...{ listen: `${scheme}://127.0.0.1:0`, identity: Identity.generate(), secret: 'four words and more' },
      rekeyAfter: { messages: 50 },
    });
    for (const type of ['join', 'away', 'back', 'leave'] as const) server.on(type, () => events.add(type));
    const proxy = await CuttingProxy.start(Number(new URL(server.addresses[0] ?? '').port));
    const served = new Served(server, proxy, `${scheme}${proxy.url.slice('http'.length)}`, events);
    return served;
  }

  private constructor(server: SessionServer, proxy: CuttingProxy, url: string, events: Journal<string>) {
    this.server = server;
    this.proxy = proxy;
    this.url = url;
    this.events = events;
  }

  /** Of the one page that there is. */
  get session(): Session {
    return this.server.sessions[0] ?? assert.fail('there is no session');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close({ timeout: 0 });
    await this.proxy[Symbol.asyncDispose]();
  }
}

async function* counting(
  most: number,
  events: Journal<string>,
  halfway = (): void => {},
): AsyncGenerator<number> {
  try {
    for (let number = 1; number <= most; number++) {
      if (number === most / 2) halfway();
      yield number;
    }
  } finally {
    events.add('counted');
  }
}

async function* doubled(numbers: AsyncIterable<number>): AsyncGenerator<number> {
  for await (const number of numbers) yield 2 * number;
}

describe('a page', () => {
  let site: Site;
  let browser: Browser;

  before(async () => {
    const { outputFiles } = await build({
      stdin: { contents: PAGE_SCRIPT, resolveDir: process.cwd(), loader: 'ts' },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      write: false,
    });
    site = await serveScript(outputFiles[0]?.text ?? '');
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    site?.[Symbol.dispose]();
  });

  async function open(): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction('globalThis.start !== undefined');
    return page;
  }

  /** A page with a session. */
  async function join(served: Served, options: object = {}): Promise<Page> {
    const { url, server } = served;
    const page = await open();
    await page.evaluate(
      `start(...${JSON.stringify([url, { serverKey: `${server.publicKey}`, ...options }])})`,
    );
    await served.events.until('joining', (event) => event === 'join'); // by the first that is heard of the page
    return page;
  }

  const next = (page: Page): Promise<unknown> => page.evaluate('nextEvent()');

  for (const scheme of ['ws', 'http'] as const) {
    describe(`over ${scheme}`, () => {
      test('asks, is told, is asked, by a secret or by keys, and refused by another', async () => {
        await using served = await Served.start(scheme);
        const page = await join(served);
        const body = { from: 'a page', list: [1, null], deep: { er: 'ü' } };
        assert.deepEqual(await page.evaluate(`client.request('/echo', ${JSON.stringify(body)})`), body);
        assert.equal(await page.evaluate(`client.request('/ask', 41)`), 42);
        assert.equal(await page.evaluate(`client.push('/tell', 'by push')`), true);
        assert.equal(await next(page), 'by push');
        assert.equal(
          await page.evaluate(`client.request('/echo', 'x'.repeat(300_000)).then((text) => text.length)`),
          300_000,
        );

        const key = Identity.generate();
        const known = await open();
        const options = [served.url, { serverKey: `${served.server.publicKey}` }, key.toHex()];
        await known.evaluate(`start(...${JSON.stringify(options)})`);
        assert.equal(await known.evaluate(`client.request('/who')`), `session ${key.publicKey}`);
        const friend = await open();
        await friend.evaluate(`start('${served.url}', { secret: 'four words and more' })`);
        assert.equal(await friend.evaluate(`client.request('/who')`), 'session null');

        const other = `${Identity.generate().publicKey}`;
        for (const wrong of [{ serverKey: other }, { secret: 'other words and more' }]) {
          const refused = `start('${served.url}', ${JSON.stringify(wrong)}).catch(({ code }) => code)`;
          assert.equal(await friend.evaluate(refused), 'refused');
        }
      });

      test('streams both ways, and what is left ends over there', async () => {
        await using served = await Served.start(scheme);
        const page = await join(served);
        assert.deepEqual(await page.evaluate(`streamed('/count/${MANY}')`), numbersTo(MANY));
        const twice = numbersTo(MANY).map((number) => 2 * number);
        assert.deepEqual(await page.evaluate(`streamed('/double', ${MANY})`), twice);
        assert.equal(await page.evaluate(`firstOf('/forever')`), 'first');
        await served.events.until('leaving', (event) => event === 'left');
      });

      test('comes back after a cut: streams go on, pushes come, nothing twice', async () => {
        await using served = await Served.start(scheme);
        const page = await join(served);
        assert.deepEqual(await page.evaluate(`streamed('/cut/${MANY}')`), numbersTo(MANY));
        // By HTTP a browser may repeat what was cut by itself: then nothing has happened.
        const told = (await page.evaluate('untilNow()')) as { type: string }[];
        const types = told.map(({ type }) => type);
        if (scheme === 'ws' || types.length > 0) assert.deepEqual(types, ['disconnected', 'connected']);

        const { session } = served;
        served.proxy.setDown(true);
        assert.equal(((await next(page)) as { type: string }).type, 'disconnected');
        for (const number of [1, 2, 3]) assert.equal(session.push('/told', number), true);
        const asked = page.evaluate(`client.request('/echo', 'asked while away')`);
        served.proxy.setDown(false);
        assert.equal(await asked, 'asked while away');
        assert.deepEqual(await next(page), { type: 'connected', resumed: true });
        assert.deepEqual([await next(page), await next(page), await next(page)], [1, 2, 3]);
        assert.equal(served.server.sessions[0], session);
      });

      test('gets fresh keys from either side, and by count, in the middle of streams', async () => {
        await using served = await Served.start(scheme);
        const page = await join(served, { rekeyAfter: { messages: 50 }, quiet: 1000 });
        const streams = page.evaluate(`Promise.all([
          streamed('/count/${MANY}'), streamed('/double', ${MANY}),
          client.rekey(), client.request('/echo', 'rekeyed'), client.rekey(),
        ])`);
        served.session.rekey();
        const [counted, twice, , echoed] = (await streams) as unknown[];
        assert.deepEqual(counted, numbersTo(MANY));
        assert.deepEqual(
          twice,
          numbersTo(MANY).map((number) => 2 * number),
        );
        assert.equal(echoed, 'rekeyed');
        assert.ok(!served.events.entries.includes('away'), 'no connection was lost over it');
      });

      test('is told when the server forgets it, and begins anew', async () => {
        await using served = await Served.start(scheme);
        const page = await join(served);
        served.session.close(503, 'Come again.');
        const types: string[] = [];
        while (!types.includes('connected')) types.push(((await next(page)) as { type: string }).type);
        assert.deepEqual(types.toSorted(), ['connected', 'disconnected', 'gap']);
        assert.equal(await page.evaluate(`client.request('/echo', 'again')`), 'again');
      });
    });
  }
});
