/** Who answers in the bench of sessions: `ws`, which sends back what comes, or a server of sessions. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { createApp } from '../src/app/app.ts';
import { SessionServer } from '../src/session/server.ts';
import { beChild } from './child.ts';

const [role, secret = ''] = process.argv.slice(2);

if (role === 'ws') {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  await once(server, 'listening');
  beChild(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, () => null);
} else {
  const app = createApp().on('/echo', ({ body }) => body);
  const listen = `${role === 'http' ? 'http' : 'ws'}://127.0.0.1:0`;
  const server = await SessionServer.start(app, { listen, secret: Buffer.from(secret, 'hex') });
  beChild(server.addresses[0] ?? '', () => null);
}
