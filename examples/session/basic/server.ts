/** The smallest server of sessions, over plain HTTP: `node examples/session/basic/server.ts 'four or five random words'`. */

import { createApp } from 'sotto';
import { SessionServer } from 'sotto/session';

const [secret = '', port = '1337'] = process.argv.slice(2);
const app = createApp().on('/test', (ctx) => {
  console.log('received:', ctx.body);
  return { 'Look Mom': 'No Hands!' };
});
const server = await SessionServer.start(app, { secret, listen: `http://127.0.0.1:${port}` });
console.log(`node examples/session/basic/client.ts '${secret}' ${server.addresses[0]}`);
