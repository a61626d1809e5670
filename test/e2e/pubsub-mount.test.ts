/** Broadcasters and subscribers inside a server of somebody's. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { mount } from '../../src/node/pubsub.ts';
import { noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { fetchHandler } from '../../src/pubsub/endpoint.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';

/** A server that has a page of its own. */
class Site implements AsyncDisposable {
  readonly server: Server = createServer((request, response) => response.end(`page ${request.url}`));

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

test('a broadcaster and a webhook live in one server, beside its own pages', async () => {
  await using site = new Site();
  await using broadcaster = await Broadcaster.start({ store: 'sqlite::memory:', auth: noneAuth() });
  mount(site.server, broadcaster);
  const url = await site.start();
  await using webhook = await Subscriber.connect({ broadcasters: url, publicUrl: url });
  mount(site.server, webhook);
  await using connected = await Subscriber.connect({ broadcasters: url, transport: 'websocket' });
  await using posted = await webhook.subscribe({ exact: ['news'] });
  await using pushed = await connected.subscribe({ exact: ['news'] });
  assert.deepEqual(await connected.notify('news', 'hello'), { notified: 2 });
  for (const subscription of [posted, pushed]) {
    for await (const message of subscription) {
      assert.equal(await message.text(), 'hello');
      break;
    }
  }
  assert.equal(await (await fetch(`${url}/about`)).text(), 'page /about');
  assert.equal((await fetch(`${url}/v1/notify`)).status, 405);
});

test('a broadcaster answers requests of the web, wherever they come from', async () => {
  await using broadcaster = await Broadcaster.start({ store: 'sqlite::memory:', auth: noneAuth() });
  const handle = fetchHandler(broadcaster);
  assert.equal(await handle(new Request('http://x/about')), null);
  const empty = await handle(new Request('http://x/v1/notify', { method: 'POST', body: 'x' }));
  assert.equal(empty?.status, 400);
  const site = createServer(async (incoming, response) => {
    const body = new Uint8Array(Buffer.concat(await incoming.toArray()));
    const answer = await handle(new Request(`http://x${incoming.url}`, { method: 'POST', body }));
    response
      .writeHead(answer?.status ?? 404)
      .end(new Uint8Array((await answer?.arrayBuffer()) ?? new ArrayBuffer(0)));
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  const { port } = site.address() as { port: number };
  await using notifier = await Subscriber.connect({ broadcasters: `http://127.0.0.1:${port}` });
  assert.deepEqual(await notifier.notify('news', 'hello'), { notified: 0 });
  site.closeAllConnections();
  await new Promise((resolve) => site.close(resolve));
});

test('a page of another origin is refused where nothing else is asked for, and let in where it is named', async () => {
  const origin = 'http://evil.example';
  const opens = async (url: string): Promise<boolean> => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/websocket`, { origin });
    const opened = await Promise.race([
      once(socket, 'open').then(
        () => true,
        () => false,
      ),
      once(socket, 'error').then(() => false),
    ]);
    socket.on('error', () => {});
    socket.terminate();
    return opened;
  };
  const listen = 'http://127.0.0.1:0';
  await using broadcaster = await Broadcaster.start({ listen, store: 'sqlite::memory:' });
  assert.equal(await opens(broadcaster.address), false);
  const posted = await fetch(`${broadcaster.address}/v1/notify`, { method: 'POST', headers: { origin } });
  assert.equal(posted.status, 403);
  await using named = await Broadcaster.start({ listen, store: 'sqlite::memory:', origins: [origin] });
  assert.equal(await opens(named.address), true);
});
