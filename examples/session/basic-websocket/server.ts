/** Both ways by WebSocket, with a key in place of a secret: `node examples/session/basic-websocket/server.ts`. */

import { createApp, Identity } from 'sotto';
import { SessionServer } from 'sotto/session';

const app = createApp()
  .on('/shout', (ctx) => String(ctx.body).toUpperCase())
  .on('/remind', (ctx) => ctx.session?.push('/reminder', ctx.body))
  .on('/countdown/:from', async function* (ctx) {
    for (let left = Number(ctx.params.from); left > 0; left--) yield left;
  });
const [port = '1337'] = process.argv.slice(2);
const identity = Identity.generate(); // one to keep: Identity.load('home.key'), made by `sotto keygen home.key`
const server = await SessionServer.start(app, { identity, listen: `ws://127.0.0.1:${port}` });
console.log(`node examples/session/basic-websocket/client.ts ${server.addresses[0]} ${server.publicKey}`);
