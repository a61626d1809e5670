/** The client in a real browser: Chromium asks a Node server over HTTP and WebSocket. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'esbuild';
import { createApp } from '../../src/app/app.ts';
import { hybridPublicKeyOf } from '../../src/envelope/hybrid-identity.ts';
import { hybridPublicKeyText } from '../../src/keys/hybrid-key.ts';
import { Identity } from '../../src/keys/identity.ts';
import { RequestServer } from '../../src/request/server.ts';
import { launchChromium, serveScript } from '../support/page.ts';

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
  const { outputFiles } = await build({
    stdin: { contents: PAGE_SCRIPT, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  using site = await serveScript(outputFiles[0]?.text ?? '');

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

  const browser = await launchChromium();
  try {
    const tab = await browser.newPage();
    await tab.goto(site.url);
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
  }
});
