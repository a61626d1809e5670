/** The client in a real browser: Chromium asks a Node server over HTTP and WebSocket. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { createApp } from '../../src/app/app.ts';
import { hybridPublicKeyOf } from '../../src/envelope/hybrid-identity.ts';
import { hybridPublicKeyText } from '../../src/keys/hybrid-key.ts';
import { Identity } from '../../src/keys/identity.ts';
import { RequestServer } from '../../src/request/server.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const PAGE_SCRIPT = `
  import { RequestClient, Identity } from './src/request/index.ts';
  globalThis.ask = async (url, serverKey, route, body, once) => {
    const client = await RequestClient.connect(url, { serverKey, identity: Identity.generate() });
    try {
      return await client.request(route, body, { once });
    } catch (error) {
      return error.code;
    } finally {
      await client.close();
    }
  };
`;

test('a page asks by HTTP and WebSocket, in the classical and the post-quantum suite', {
  timeout: 120_000,
}, async () => {
  assert.ok(CHROMIUM, 'Chromium is needed: apt-get install chromium');
  const { outputFiles } = await build({
    stdin: { contents: PAGE_SCRIPT, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  const page = `<!doctype html><title>Sotto</title><script type="module">${outputFiles[0]?.text}</script>`;
  const site = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(page);
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');

  let counter = 0;
  const identity = Identity.generate();
  const app = createApp()
    .on('/echo', (ctx) => ctx.body)
    .on('/proof', ({ proof, transport }) => `${proof} ${transport}`)
    .on('/count', () => ++counter, { once: true });
  await using server = await RequestServer.start(app, {
    identity,
    listen: ['http://127.0.0.1:0', 'ws://127.0.0.1:0'],
  });

  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  try {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${(site.address() as { port: number }).port}/`);
    await tab.waitForFunction('globalThis.ask !== undefined');
    const ask = (...args: unknown[]): Promise<unknown> => tab.evaluate(`ask(...${JSON.stringify(args)})`);
    const classical = server.publicKey.toString();
    const postQuantum = hybridPublicKeyText(hybridPublicKeyOf(identity));
    for (const url of server.addresses) {
      const scheme = url.split(':')[0];
      for (const key of [classical, postQuantum]) {
        assert.deepEqual(await ask(url, key, '/echo', { from: 'a page', n: [1, null] }), {
          from: 'a page',
          n: [1, null],
        });
        assert.equal(await ask(url, key, '/proof'), `packet ${scheme}`);
        const before = counter;
        assert.equal(await ask(url, key, '/count', null, true), before + 1);
      }
      assert.equal(await ask(url, classical, '/none'), 'route_not_found');
    }
    assert.equal(await ask('udp://127.0.0.1:1', classical, '/echo'), 'unsupported_platform');
    assert.equal(
      await ask(server.addresses[0], Identity.generate().publicKey.toString(), '/echo'),
      'refused',
    );
  } finally {
    await browser.close();
    site.closeAllConnections();
    site.close();
  }
});
