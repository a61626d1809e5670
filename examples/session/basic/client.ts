/** The smallest client: paste what the server prints, `node examples/session/basic/client.ts SECRET URL`. */

import { SessionClient } from 'sotto/session';

const [secret = '', url = ''] = process.argv.slice(2);
await using client = await SessionClient.connect(url, { secret });
const example = new TextEncoder().encode('This is some example test data');
console.log(await client.request('/test', { example, list: ['text', example], deep: { er: 1 } }));
client.rekey();
console.log(await client.request('/test', 'under fresh keys'));
