/** `sotto/browser` in Chromium: a page that has its files, and no bundler, with servers in Node; and how long they are. */

import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { browserFiles } from '../../scripts/browser-files.ts';
import { BuiltFiles } from '../../scripts/built-files.ts';
import { hybridPublicKeyOf } from '../../src/envelope/hybrid-identity.ts';
import { hybridPublicKeyText } from '../../src/keys/hybrid-key.ts';
import { Identity } from '../../src/keys/identity.ts';
import { mount } from '../../src/node/pubsub.ts';
import { noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { generateTopicSecret, topicKeyring } from '../../src/pubsub/sealed-topics.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import { RequestServer } from '../../src/request/server.ts';
import { SessionServer } from '../../src/session/server.ts';
import { launchChromium, type Site, serveFiles } from '../support/page.ts';
import { pageApp } from '../support/page-app.ts';

/** What a page loads before it does anything, gzip, bytes. */
const MOST = 40_500;
/** What else it loads before it hears of a topic. */
const MOST_PUBSUB = 24_000;
const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };

/** The page's script beside `sotto.min.js`, as somebody would write it. */
async function pageScript(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: ['test/support/browser-page.ts'],
    bundle: true,
    format: 'esm',
    write: false,
    plugins: [
      {
        name: 'sotto',
        setup: ({ onResolve }) =>
          onResolve({ filter: /src\/browser\/index\.ts$/ }, () => ({
            path: './sotto.min.js',
            external: true,
          })),
      },
    ],
  });
  return outputFiles[0]?.contents ?? assert.fail();
}

describe('sotto/browser', () => {
  let files: BuiltFiles;
  let site: Site & { readonly asked: readonly string[] };
  let browser: Browser;
  let broadcaster: Broadcaster;

  before(async () => {
    files = new BuiltFiles(await browserFiles(resolve('src/browser'), 'ts'));
    broadcaster = await Broadcaster.start({ store: 'sqlite::memory:', auth: noneAuth() });
    const contents = new Map([...files.contents, ['page.js', await pageScript()]]);
    site = await serveFiles(contents, (server) => mount(server, broadcaster));
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    site?.[Symbol.dispose]();
    await broadcaster?.close();
  });

  async function open(): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction('globalThis.page !== undefined');
    return page;
  }

  function call(page: Page, name: string, ...args: readonly unknown[]): Promise<unknown> {
    return page.evaluate(`page.${name}(...${JSON.stringify(args)})`);
  }

  function isLoaded(beginning: string): boolean {
    return site.asked.includes(files.partNamed(beginning));
  }

  test('is short: the clients, and what comes with the first subscriber', () => {
    const main = files.loadedBy('sotto.min.js');
    const all = files.loadedBy(files.partNamed('page-subscriber'));
    const pubsub = [...all].filter((name) => !main.has(name));
    const [size, more] = [files.sizeOf(main), files.sizeOf(pubsub)];
    console.log(`sotto/browser: ${size} bytes gzip; publish/subscribe: ${more} more`);
    assert.ok(size < MOST, `${size} bytes gzip; of them, in bytes before that:\n${files.modulesOf(main)}`);
    assert.ok(more < MOST_PUBSUB, `${more} bytes gzip; of them:\n${files.modulesOf(pubsub)}`);
    for (const name of files.contents.keys()) {
      assert.ok(!/["']node:|\brequire\(/.test(files.textOf(name)), name);
    }
  });

  test('asks a server, as nobody and as somebody, once, typed, by either road and suite', async () => {
    const identity = Identity.generate();
    const listen = ['http://127.0.0.1:0', 'ws://127.0.0.1:0'];
    await using server = await RequestServer.start(pageApp(), { identity, listen });
    const page = await open();
    const serverKey = `${server.publicKey}`;
    const key = Identity.generate();
    for (const [index, url] of server.addresses.entries()) {
      const asker = index === 0 ? [] : [key.toHex()];
      assert.deepEqual(await call(page, 'asks', url, serverKey, ...asker), {
        celsius: '21.0',
        echoed: { from: 'a page', n: [1, null] },
        sender: index === 0 ? 'none null' : `packet ${key.publicKey}`,
        counts: [2 * index + 1, 2 * index + 2],
        nothing: true,
        failure: '404 route_not_found',
      });
    }
    const [url = ''] = server.addresses;
    const other = `${Identity.generate().publicKey}`;
    assert.equal(await call(page, 'failsToAsk', url, other), 'refused');
    assert.equal(await call(page, 'failsToAsk', 'udp://127.0.0.1:1', serverKey), 'unsupported_platform');

    for (const part of ['cbor-codec', 'post-quantum', 'page-subscriber']) assert.ok(!isLoaded(part), part);
    const date = ['1970-01-01T00:00:00.000Z', [1, 2]];
    const hybrid = hybridPublicKeyText(hybridPublicKeyOf(identity));
    assert.deepEqual(await call(page, 'asksByDate', url, hybrid), date);
    for (const part of ['cbor-codec', 'post-quantum']) assert.ok(isLoaded(part), part);
    assert.deepEqual(await call(page, 'words', serverKey), ['unsupported_platform', server.publicKey.words]);
  });

  test('stays with a server by either road: pushes, streams, rooms, questions of either side', async () => {
    const app = pageApp().on('/say/:room', ({ params, body }) =>
      server.room(params.room).push('/said', body),
    );
    const identity = Identity.generate();
    const listen = ['ws://127.0.0.1:0', 'http://127.0.0.1:0'];
    await using server = await SessionServer.start(app, { listen, identity, secret: 'four words and more' });
    const [byWebSocket, byHttp] = server.addresses;
    const key = Identity.generate();
    const [page, other] = await Promise.all([open(), open()]);
    await Promise.all([
      call(page, 'joins', byWebSocket, { serverKey: `${identity.publicKey}`, identity: key.toHex() }),
      call(other, 'joins', byHttp, { secret: 'four words and more' }),
    ]);
    const asked = { kept: true, when: new Date(1) };
    const answers = { celsius: 21, counted: 45_150, doubled: [2, 4, 6], asked, date: 'true', pushed: true };
    const expected = { ...answers, early: 'unsupported_platform' };
    const said = { topic: 'said', text: 'to all in the den' };
    assert.deepEqual(await call(page, 'inSession'), { ...expected, who: `session ${key.publicKey}` });
    assert.deepEqual(await call(page, 'next'), said);
    assert.deepEqual(await call(other, 'inSession'), { ...expected, who: 'session null' });
    assert.deepEqual(await Promise.all([call(page, 'next'), call(other, 'next')]), [said, said]);
  });

  test('hears of topics, tells of them, and is told what it may have missed', async () => {
    const sealed = generateTopicSecret();
    const auth = hmacAuth(SECRETS);
    const start = (port: number): Promise<Broadcaster> =>
      Broadcaster.start({ listen: `http://127.0.0.1:${port}`, store: 'sqlite::memory:', auth });
    const first = await start(0);
    const broadcasters = first.address;
    const page = await open();
    await call(page, 'listens', { broadcasters, secrets: SECRETS, sealed });
    const keyring = topicKeyring({ secrets: sealed, topics: ['sealed/*'] });
    const publisher = await Subscriber.connect({ broadcasters, auth, keyring });
    for (const [topic, text] of [
      ['news/today', 'hello'],
      ['sealed/mine', 'for us alone'],
    ] as const) {
      assert.deepEqual(await publisher.notify(topic, text), { notified: 1 });
      assert.deepEqual(await call(page, 'next'), { topic, text });
    }
    assert.deepEqual(await call(page, 'notify', 'news/mine', 'of the page'), { notified: 1 });
    assert.deepEqual(await call(page, 'next'), { topic: 'news/mine', text: 'of the page' });
    assert.deepEqual(await call(page, 'notify', 'other', 'nobody hears this'), { notified: 0 });

    await first.close();
    await using second = await start(Number(new URL(broadcasters).port));
    assert.equal(second.address, broadcasters);
    assert.deepEqual(await call(page, 'next'), { missed: null });
    assert.deepEqual(await publisher.notify('news/again', 'hello again'), { notified: 1 });
    assert.deepEqual(await call(page, 'next'), { topic: 'news/again', text: 'hello again' });
    await publisher.close();
  });

  test('tells by HTTP where the broadcaster has the address of the page', async () => {
    await using hearer = await Subscriber.connect({ broadcasters: site.url, transport: 'websocket' });
    await using heard = await hearer.subscribe({ exact: ['news'] });
    const page = await open();
    const told = await call(page, 'tellsByHttp', 'news', 'by HTTP');
    assert.deepEqual(told, { notified: 1, subscribing: 'unsupported_platform' });
    const { value: message } = await heard[Symbol.asyncIterator]().next();
    assert.equal(await message?.text(), 'by HTTP');
  });
});
