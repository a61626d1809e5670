/** What posts to a sink, in a process of its own: `webhook-posters.ts KIND SINK URLS`. */

import { createHash } from 'node:crypto';
import { Pool } from 'undici';
import { encodeUtf8 } from '../src/bytes/text.ts';
import { sockets } from '../src/platform/node/sockets.ts';
import { Broadcaster } from '../src/pubsub/broadcaster/broadcaster.ts';
import { SqliteSubscriptionStore } from '../src/pubsub/stores/sqlite.ts';
import { encodeReceiveHead, encodeReprDigest } from '../src/wire/lonelyps-stateless.ts';
import { beChild } from './child.ts';
import { SIZE, TOPIC } from './raw/socket.ts';

const [kind = '', sink = '', urls = ''] = process.argv.slice(2);
const count = Number(urls);
const topic = encodeUtf8(TOPIC);
const message = new Uint8Array(SIZE).fill(0x78);
const identifier = new Uint8Array(16);
const head = encodeReceiveHead({ topic, identifier, tracing: new Uint8Array(0), length: BigInt(SIZE) });
const body = Buffer.concat([head, message]);
const headers = {
  'content-type': 'application/octet-stream',
  'repr-digest': encodeReprDigest(createHash('sha512').update(message).digest()),
};

const LOOPS: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
  undici: poolLoop(),
  fetch: async (url) => (await fetch(url, { method: 'POST', headers, body })).arrayBuffer(),
  poster: (url) =>
    sockets.postStream(url, {
      headers,
      length: body.length,
      body: [head, message],
      maxAnswer: 1024,
      signal: AbortSignal.timeout(30_000),
    }),
};

let isPosting = false;
if (kind === 'ours') beChild(await startOurs(), () => null);
else beChild('', setPosting);

function poolLoop(): (url: string) => Promise<unknown> {
  const pool = new Pool(sink, { connections: count });
  return async (url) => {
    const { pathname: path } = new URL(url);
    const answer = await pool.request({ path, method: 'POST', headers, body });
    return answer.body.dump();
  };
}

/** Each url is posted to again as soon as it has answered. */
function setPosting(question: unknown): void {
  isPosting = question === true;
  const post = LOOPS[kind];
  if (!isPosting || !post) return;
  for (let number = 0; number < count; number++) void postAgain(post, `${sink}/${number}`);
}

async function postAgain(post: (url: string) => Promise<unknown>, url: string): Promise<void> {
  while (isPosting) await post(url);
}

/** As many deliveries at one time as there are urls. */
async function startOurs(): Promise<string> {
  const store = new SqliteSubscriptionStore(':memory:');
  for (let number = 0; number < count; number++) {
    await store.subscribe(`${sink}/${number}`, { pattern: { kind: 'exact', topic }, recovery: null });
  }
  const limits = { maxDeliveries: count, maxDeliveriesPerHost: count };
  const broadcaster = await Broadcaster.start({ listen: 'http://127.0.0.1:0', store, limits });
  return broadcaster.address;
}
