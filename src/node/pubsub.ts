/** `sotto/pubsub`: publish and subscribe, and what mounts both ends in a `node:http` server of somebody's. */

import type { Server } from 'node:http';
import { requestListener, upgradeListener } from '../platform/node/http.ts';
import { Broadcaster } from '../pubsub/broadcaster/broadcaster.ts';
import type { Subscriber } from '../pubsub/subscriber/subscriber.ts';

export * from '../pubsub/index.ts';

/** Of a WebSocket, bytes. */
const MAX_MESSAGE = 16 * 1024 * 1024;

/**
 * Gives a broadcaster or a subscriber the requests of a server that are for it; all others go where they went before. To
 * be called once the server has its own listeners.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { Broadcaster, mount, noneAuth } from 'sotto/pubsub';
 * const server = createServer((_request, response) => response.end('my own page'));
 * await using broadcaster = await Broadcaster.start({ store: 'sqlite::memory:', auth: noneAuth() });
 * mount(server, broadcaster);
 * server.listen(0);
 * server.close();
 * ```
 */
export function mount(server: Server, endpoint: Broadcaster | Subscriber): void {
  const onRequest = requestListener((request) => endpoint.answer(request));
  const others = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (incoming, response) => {
    if (endpoint.takes(pathOf(incoming.url))) return onRequest(incoming, response);
    for (const other of others) Reflect.apply(other, server, [incoming, response]);
  });
  if (endpoint instanceof Broadcaster) mountWebSockets(server, endpoint);
}

function mountWebSockets(server: Server, broadcaster: Broadcaster): void {
  const others = server.listeners('upgrade');
  server.removeAllListeners('upgrade');
  const onUpgrade = upgradeListener(
    MAX_MESSAGE,
    (path, origin) => broadcaster.channelHandler(path, origin),
    (incoming, socket, head) => {
      if (others.length === 0) socket.destroy();
      for (const other of others) Reflect.apply(other, server, [incoming, socket, head]);
    },
  );
  server.on('upgrade', onUpgrade);
}

function pathOf(url: string = '/'): string {
  return url.split('?', 1)[0] ?? '/';
}
