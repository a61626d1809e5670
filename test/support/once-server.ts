/**
 * A server process for the fault tests: its `once` handler writes each number it is given to a file. It can be told to
 * kill itself at the worst moment: after the effect of every handler that has begun, before their answers are kept.
 */

import { appendFileSync, writeSync } from 'node:fs';
import { createApp } from '../../src/app/app.ts';
import { Identity } from '../../src/keys/identity.ts';
import { RequestServer } from '../../src/request/server.ts';

const [port, key, store, log, dieAfter] = process.argv.slice(2);
const limit = Number(dieAfter);
let handled = 0;

const app = createApp().on(
  '/count/:number',
  ({ params }) => {
    appendFileSync(log ?? '', `${params.number}\n`);
    handled += 1;
    if (handled === limit) process.nextTick(() => process.kill(process.pid, 'SIGKILL'));
    return params.number;
  },
  { once: true },
);

const server = await RequestServer.start(app, {
  identity: Identity.from(key ?? ''),
  listen: `udp://127.0.0.1:${port}`,
  onceWindow: { store: `sqlite:${store}` },
  limits: { rate: Number.POSITIVE_INFINITY },
});
writeSync(1, `${server.addresses[0]}\n`);
