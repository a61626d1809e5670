/** A client in ten lines: `node examples/client.ts URL SERVER_KEY`. */

import { RequestClient } from 'sotto/request';

const [url = '', serverKey = ''] = process.argv.slice(2);
await using client = await RequestClient.connect(url, { serverKey });
console.log(await client.request('/hello/Ada'));
