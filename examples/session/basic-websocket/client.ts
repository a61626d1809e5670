/** Asks, is told, and takes a stream: `node examples/session/basic-websocket/client.ts URL SERVER_KEY`. */

import { SessionClient } from 'sotto/session';

const [url = '', serverKey = ''] = process.argv.slice(2);
await using client = await SessionClient.connect(url, { serverKey });
const reminded = new Promise((resolve) => client.on('/reminder', (ctx) => resolve(ctx.body)));
console.log(await client.request('/shout', 'hello'));
client.push('/remind', 'tea is ready');
console.log(await reminded);
for await (const left of client.stream('/countdown/3')) console.log(left);
