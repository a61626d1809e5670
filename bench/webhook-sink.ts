/** Takes webhooks, and answers as a subscriber of lonelyps does; tells how many there were. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeAnswer } from '../src/wire/lonelyps-stateless.ts';
import { beChild } from './child.ts';

const ANSWER = encodeAnswer({
  type: 'confirm-receive',
  authorization: null,
  tracing: new Uint8Array(0),
  identifier: new Uint8Array(16),
  subscribers: 1,
});
let taken = 0;
const server = createServer({ noDelay: true }, (request, response) => {
  request.resume();
  request.on('end', () => {
    taken += 1;
    response.writeHead(200, { 'content-length': ANSWER.length });
    response.end(ANSWER);
  });
});
server.listen(0, '127.0.0.1', () => {
  beChild(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => taken);
});
