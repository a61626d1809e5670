/** Who gets into the console, and who does not; what its answers tell browsers; which files it serves. */

import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, mock, test } from 'node:test';
import type { ChatView, Problem } from '../../src/console/contract.ts';
import { Entrance, makeLink } from '../../src/console/server/entrance.ts';
import { createApp, type Node, SottoError, serve } from '../../src/index.ts';
import { sotto } from '../support/command.ts';
import { Browser, CONSOLE, consoleOf, type Question } from '../support/console.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Nothing else is on. */
const OFF = { request: false, lookup: false, broadcaster: false, sessions: false, peers: false } as const;
const ALONE = { ...OFF, console: CONSOLE } as const;

const folder = mkdtempSync(join(tmpdir(), 'sotto-console-'));
const data = join(folder, 'data');
const page = join(folder, 'page');
let node: Node;
let address = '';

before(async () => {
  mkdirSync(join(page, 'assets'), { recursive: true });
  writeFileSync(join(page, 'index.html'), '<title>built</title>');
  writeFileSync(join(page, 'assets', 'main-5FQ2K3XA.js'), 'export {};');
  writeFileSync(join(page, 'icon.svg'), '<svg/>');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  symlinkSync(join(folder, 'secret.txt'), join(page, 'linked.txt'));
  const extras = { configFile: join(folder, 'c.json'), consolePage: page };
  node = await serve(createApp(), { ...ALONE, data }, extras);
  address = consoleOf(node).address;
});
after(async () => {
  await node.close();
  rmSync(folder, { recursive: true });
});

async function insider(): Promise<Browser> {
  const browser = new Browser(address);
  assert.equal((await browser.enter(consoleOf(node).link())).status, 204);
  return browser;
}

/** The status of a question that must be refused with a sentence. */
async function refusal(browser: Browser, path: string, question: Question = {}): Promise<number> {
  const { status, json, text } = await browser.ask(path, question);
  const { code, text: sentence } = json as Problem;
  assert.ok(status >= 400 && code.length > 0 && sentence.endsWith('.'), `${status} ${text}`);
  return status;
}

/** So much later it is now, ms. */
function goOn(later: number): void {
  mock.timers.reset();
  mock.timers.enable({ apis: ['Date'], now: Date.now() + later });
}

/** With a letter or digit exchanged somewhere. */
function altered(text: string, at: number): string {
  const other = text.at(at) === '0' ? '1' : '0';
  return text.slice(0, at) + other + text.slice(at + 1);
}

describe('a link', () => {
  test('lets in once, and shows the way with a page of its own', async () => {
    const link = consoleOf(node).link();
    assert.ok(link.startsWith(`${address}/enter#`));
    const stranger = new Browser(address);
    assert.equal(await refusal(stranger, '/api/node'), 401);
    assert.match((await stranger.ask('/enter')).text, /<script type="module" src="\/enter\.js">/);
    const script = await stranger.ask('/enter.js');
    assert.deepEqual(
      [script.headers['content-type'], script.status],
      ['text/javascript; charset=utf-8', 200],
    );
    const entered = await stranger.enter(link);
    assert.equal(entered.status, 204);
    const [cookie = ''] = entered.headers['set-cookie'] ?? [];
    assert.match(cookie, /^sotto-console-\d+=\S+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.equal((await stranger.ask('/api/node')).status, 200);
    const another = new Browser(address);
    assert.equal((await another.enter(link)).status, 403, 'it was used');
    assert.equal(another.cookie, '');
  });

  test('is good for ten minutes, unaltered', async () => {
    const link = consoleOf(node).link();
    goOn(10 * MINUTE + 1000);
    assert.equal((await new Browser(address).enter(link)).status, 403);
    mock.timers.reset();
    const browser = new Browser(address);
    for (const at of [link.indexOf('#') + 1, link.lastIndexOf('.') - 1, link.length - 1]) {
      assert.equal((await browser.enter(altered(link, at))).status, 403);
    }
    goOn(9 * MINUTE);
    assert.equal((await browser.enter(link)).status, 204);
    mock.timers.reset();
  });

  test('is printed by a command too, from a file that is for its owner alone', async () => {
    const file = join(data, 'console.key');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const config = join(folder, 'cli.json');
    writeFileSync(config, JSON.stringify({ data }));
    const { stdout, stderr, code } = await sotto(['console', '--config', config]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal((await new Browser(address).enter(stdout.trim())).status, 204);
    await assert.rejects(makeLink(join(folder, 'nowhere')), /No console has run/);
    chmodSync(file, 0o644);
    await assert.rejects(makeLink(data), { code: 'key_file_exposed' });
    chmodSync(file, 0o600);
    writeFileSync(join(folder, 'console.key'), '{"pages":"5ec5e7"}', { mode: 0o600 });
    const isPlain = (error: unknown): boolean =>
      error instanceof SottoError && error.code === 'key_file_invalid' && !error.message.includes('5ec5e7');
    await assert.rejects(makeLink(folder), isPlain, 'and no secret is repeated');
  });
});

describe('a cookie', () => {
  test('is refused when altered, or once it has ended', async () => {
    const browser = await insider();
    const { cookie } = browser;
    for (const at of [cookie.indexOf('=') + 1, cookie.lastIndexOf('.') - 1, cookie.length - 1]) {
      assert.equal(await refusal(browser, '/api/node', { headers: { cookie: altered(cookie, at) } }), 401);
    }
    for (const value of ['x', cookie.replace(/\..*/, ''), `${cookie}0`, cookie.replace(/=.*/, '=')]) {
      assert.equal(await refusal(browser, '/api/node', { headers: { cookie: value } }), 401);
    }
    goOn(12 * HOUR + 1000);
    assert.equal(await refusal(browser, '/api/node'), 401);
    mock.timers.reset();
    assert.equal((await browser.ask('/api/node')).status, 200);
    assert.equal(browser.cookie, cookie, 'while it is young it stays');
  });

  test('is renewed for who stays', async () => {
    const browser = await insider();
    const { cookie } = browser;
    goOn(7 * HOUR);
    await browser.ask('/api/node');
    assert.notEqual(browser.cookie, cookie);
    goOn(18 * HOUR);
    assert.equal((await browser.ask('/api/node')).status, 200);
    mock.timers.reset();
  });

  test('outlasts a restart, which links do not', async () => {
    const place = join(folder, 'restarted');
    mkdirSync(place);
    const first = await Entrance.open(place, address);
    const link = first.link().split('#')[1] ?? '';
    const unused = first.link().split('#')[1] ?? '';
    const entered = first.enter(link);
    assert.ok(typeof entered === 'object');
    const second = await Entrance.open(place, address);
    assert.ok(second.check(entered.cookie));
    assert.deepEqual([second.enter(link), second.enter(unused)], ['wrong', 'wrong']);
  });

  test('is worth nothing after leaving, in every browser, and no page is told any more', async () => {
    const [one, other] = [await insider(), await insider()];
    const kept = other.cookie;
    const link = consoleOf(node).link();
    const events = await other.open('/api/events');
    const ended = new Promise((resolve) => events.on('end', resolve).resume());
    const left = await one.ask('/api/leave', { method: 'POST', body: {} });
    assert.equal(left.status, 204);
    await ended;
    assert.match(left.headers['set-cookie']?.[0] ?? '', /Max-Age=0/);
    assert.equal(await refusal(other, '/api/node', { headers: { cookie: kept } }), 401);
    assert.equal((await new Browser(address).enter(link)).status, 403);
    assert.equal((await (await insider()).ask('/api/node')).status, 200);
    assert.ok(readFileSync(join(data, 'console.key'), 'utf8').includes(address));
  });
});

describe('a question', () => {
  test('comes by a name of this machine, or not at all', async () => {
    const browser = await insider();
    const port = new URL(address).port;
    for (const host of [`localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`, `127.0.0.1:${port}`]) {
      assert.equal((await browser.ask('/api/node', { headers: { host } })).status, 200, host);
    }
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:${Number(port) + 1}`,
    ]) {
      for (const path of ['/', '/enter', '/api/node', '/api/enter']) {
        assert.equal(await refusal(browser, path, { headers: { host } }), 421, `${host} ${path}`);
      }
    }
  });

  test('of another page changes nothing, and is told nothing', async () => {
    const browser = await insider();
    const post = (headers: Question['headers']): Promise<number> =>
      refusal(browser, '/api/chat/rooms', {
        method: 'POST',
        body: { name: 'evil' },
        ...(headers && { headers }),
      });
    const port = Number(new URL(address).port);
    for (const origin of [
      'http://evil.example',
      'null',
      `http://127.0.0.1:${port + 1}`,
      `https://127.0.0.1:${port}`,
    ]) {
      assert.equal(await post({ origin }), 403, origin);
    }
    assert.equal(await post({ origin: undefined }), 403);
    for (const site of ['cross-site', 'same-site', 'none']) {
      assert.equal(await post({ 'sec-fetch-site': site }), 403, site);
    }
    assert.equal(await post({ 'x-sotto-console': undefined }), 403);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', undefined]) {
      assert.equal(await post({ 'content-type': type }), 415);
    }
    for (const site of ['cross-site', 'same-site']) {
      assert.equal(await refusal(browser, '/api/node', { headers: { 'sec-fetch-site': site } }), 403);
    }
    const asked = await browser.ask('/api/chat/rooms', {
      method: 'OPTIONS',
      headers: { origin: 'http://evil.example' },
    });
    assert.deepEqual([asked.status, asked.headers['access-control-allow-origin']], [403, undefined]);
    assert.deepEqual(((await browser.ask('/api/chat')).json as ChatView).rooms, ['lobby']);
  });

  test('may be only so long, and there may be only so many', async () => {
    const browser = await insider();
    const body = { name: 'x'.repeat(300_000) };
    assert.equal(await refusal(browser, '/api/chat/rooms', { method: 'POST', body }), 413);
    const headers = { 'transfer-encoding': 'chunked' };
    assert.equal(await refusal(browser, '/api/chat/rooms', { method: 'POST', body, headers }), 413);
    const statuses = await Promise.all(
      Array.from({ length: 160 }, async () => (await browser.ask('/api/series')).status),
    );
    assert.ok(statuses.includes(429) && statuses.includes(200));
    assert.equal((await (await insider()).ask('/api/series')).status, 200, 'nobody else minds');
  });

  test('is answered with what keeps other pages out, whatever the answer', async () => {
    const browser = await insider();
    for (const path of ['/', '/enter', '/nothing', '/api/node', '/api/nothing', '/assets/main-5FQ2K3XA.js']) {
      const { headers } = await browser.ask(path);
      assert.equal(
        headers['content-security-policy'],
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        path,
      );
      assert.deepEqual(
        [
          'x-content-type-options',
          'referrer-policy',
          'cross-origin-opener-policy',
          'cross-origin-resource-policy',
        ].map((name) => headers[name]),
        ['nosniff', 'no-referrer', 'same-origin', 'same-origin'],
      );
      assert.equal(headers['access-control-allow-origin'], undefined);
      if (path.startsWith('/api/')) assert.equal(headers['cache-control'], 'no-store');
    }
  });
});

describe("the page's files", () => {
  test('are those of the folder, with their types and caching', async () => {
    const anybody = new Browser(address);
    const shown = async (path: string): Promise<unknown[]> => {
      const { status, headers, text } = await anybody.ask(path);
      return [status, headers['content-type'], headers['cache-control'], text];
    };
    assert.deepEqual(await shown('/'), [200, 'text/html; charset=utf-8', 'no-cache', '<title>built</title>']);
    assert.deepEqual(await shown('/assets/main-5FQ2K3XA.js'), [
      ...[200, 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable', 'export {};'],
    ]);
    assert.deepEqual(await shown('/icon.svg'), [200, 'image/svg+xml', 'no-cache', '<svg/>']);
  });

  test('are no others, however they are spelt', async () => {
    const anybody = new Browser(address);
    const up = ['/../secret.txt', '/assets/../../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt'];
    const odd = [
      '/..%5csecret.txt',
      '/%252e%252e/secret.txt',
      '//secret.txt',
      '/linked.txt',
      '/assets',
      '/%00',
      '/%',
    ];
    for (const path of [
      ...up,
      ...odd,
      `/${join(folder, 'secret.txt')}`,
      '/index.html/..%2f..%2fsecret.txt',
    ]) {
      const { status, text } = await anybody.ask(path);
      assert.ok(status >= 400 && status < 500 && !text.includes('secret'), `${path} ${status} ${text}`);
    }
  });

  test('are missing where nobody has built them, and the console says how', async () => {
    const place = join(folder, 'unbuilt');
    await using unbuilt = await serve(createApp(), { ...ALONE, data: place }, { consolePage: place });
    const { status, text } = await new Browser(consoleOf(unbuilt).address).ask('/');
    assert.equal(status, 503);
    assert.match(text, /npm run build/);
  });
});

test('the console is for this machine alone, and says when its port is taken', async () => {
  const start = (listen: string): Promise<Node> =>
    serve(createApp(), { ...OFF, console: { listen }, data: join(folder, 'other') });
  for (const listen of [
    'http://0.0.0.0:0',
    'http://[::]:0',
    'http://192.0.2.1:0',
    'http://example.com:0',
    'ws://127.0.0.1:0',
  ]) {
    await assert.rejects(start(listen), { code: 'invalid_url' }, listen);
  }
  await assert.rejects(start(address), { code: 'address_in_use' });
  assert.equal((await (await insider()).ask('/api/node')).status, 200, 'and leaves the one that runs alone');
});

// The last, for it takes a while until somebody may be wrong again.
test('a link cannot be guessed at any speed', async () => {
  const browser = new Browser(address);
  const statuses: number[] = [];
  for (let tries = 0; tries < 20; tries++) statuses.push((await browser.enter('#x')).status);
  assert.deepEqual([statuses[0], statuses.at(-1)], [403, 429]);
  assert.equal((await browser.enter(consoleOf(node).link())).status, 204, 'who has one still comes in');
});
