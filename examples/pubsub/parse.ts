/**
 * The first example in the README of lonelypsp: reads what a subscriber has sent over its WebSocket.
 *
 *   node examples/pubsub/parse.ts [HEX]
 */

import { decode } from 'sotto/pubsub/wire';

// What examples/pubsub/serialize.ts writes.
const [body = '0001000200000007666f6f2f626172'] = process.argv.slice(2);
const message = decode(Buffer.from(body, 'hex'), { direction: 's2b', revision: '0.0.11' });

if (message.type === 'subscribe-exact') {
  console.log(Buffer.from(message.topic).toString());
}
