/** A server in ten lines: `node examples/server.ts`, then paste what it prints. */

import { createApp, Identity } from 'sotto';
import { RequestServer } from 'sotto/request';

const app = createApp().on('/hello/:name', (ctx) => `Hello, ${ctx.params.name}.`);
const server = await RequestServer.start(app, {
  identity: Identity.generate(),
  listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0'],
});
console.log(`node examples/client.ts ${server.addresses[1]} ${server.publicKey}`);
