/** A message of gigabytes, made as it goes, through a broadcaster to a webhook and a WebSocket, and the memory that takes. */

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { statfsSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { encodeUtf8 } from '../src/bytes/text.ts';
import { decodeAnswer, encodeNotifyHead, encodeSubscribeExact } from '../src/wire/lonelyps-stateless.ts';
import { Child } from './child.ts';
import type { Taken } from './large-sinks.ts';
import { peakMemoryOf } from './proc.ts';
import { TOPIC } from './raw/socket.ts';

const PIECE = 256 * 1024;
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** Bytes, where no size is given. */
const USUAL_SIZE = '1G';
/** Of the disk that stays free, bytes. */
const SPARE = 2 ** 30;
const PROGRESS_INTERVAL = 500;

const topic = encodeUtf8(TOPIC);
const tracing = new Uint8Array(0);

/** @param wanted such as `5G`, `512M`. */
export async function benchLarge(wanted: string = USUAL_SIZE): Promise<void> {
  const size = sizeOf(wanted);
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bavail * bsize < size + SPARE) {
    return console.log(
      `\n(Large messages are left out: ${tmpdir()} has no room for ${wanted}B and 1 GiB more.)`,
    );
  }
  const broadcaster = await Child.start('fan-out-servers.ts', 'ours');
  const url = `http://127.0.0.1:${broadcaster.ready}`;
  const sinks = await Child.start('large-sinks.ts', url, String(size));
  await post(`${url}/v1/subscribe/exact`, [
    encodeSubscribeExact({ url: sinks.ready, topic, recovery: null, tracing }),
  ]);
  const idle = peakMemoryOf(broadcaster.pid);
  const sha512 = hashOf(size);
  const timer = setInterval(() => void showProgress(sinks, size), PROGRESS_INTERVAL);
  const { uploaded, confirmed, subscribers } = await notify(`${url}/v1/notify`, { size, sha512 });
  clearInterval(timer);
  const taken = await sinks.ask<Taken[]>(null);
  const peak = peakMemoryOf(broadcaster.pid);
  for (const child of [broadcaster, sinks]) child.stop();
  const good = taken.filter((each) => each.bytes === size && each.sha512 === sha512.toString('hex')).length;
  const rate = (seconds: number): string => `${(size / 1e6 / seconds).toFixed(0)} MB/s`;
  console.log(`\n${size} bytes (${wanted}B) through a broadcaster to a webhook and a WebSocket`);
  console.log(`taken in                     ${rate(uploaded)}`);
  console.log(`handed on, to both at once   ${rate(confirmed - uploaded)} each`);
  console.log(
    `from the first byte to the confirmation of both   ${confirmed.toFixed(1)} s, ${rate(confirmed)}`,
  );
  console.log(
    `peak memory of the broadcaster   ${peak.toFixed(0)} MB, ${(peak - idle).toFixed(0)} more than before`,
  );
  console.log(`confirmed by ${subscribers} of 2; ${good} of 2 have every byte, by SHA-512`);
}

function sizeOf(text: string): number {
  const [, number, unit = ''] = /^(\d+)([KMG]?)$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`"${text}" is no size such as 512M or 5G.`);
  return Number(number) * (UNITS[unit] ?? 1);
}

/** The same bytes each time: one random piece, numbered. */
function* pieces(size: number): Generator<Buffer, void, void> {
  for (let at = 0; at < size; at += PIECE) {
    const piece = Buffer.from(RANDOM);
    piece.writeDoubleBE(at);
    yield piece.subarray(0, size - at);
  }
}

const RANDOM = randomBytes(PIECE);

function hashOf(size: number): Buffer {
  const hash = createHash('sha512');
  for (const piece of pieces(size)) hash.update(piece);
  return hash.digest();
}

interface Told {
  /** s from the start until the last byte had left. */
  readonly uploaded: number;
  /** s from the start until all had confirmed. */
  readonly confirmed: number;
  readonly subscribers: number;
}

async function notify(
  url: string,
  { size, sha512 }: { readonly size: number; readonly sha512: Buffer },
): Promise<Told> {
  const head = encodeNotifyHead({
    topic,
    sha512,
    tracing,
    identifier: randomBytes(16),
    length: BigInt(size),
  });
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  let uploaded = 0;
  const body = function* (): Generator<Uint8Array, void, void> {
    yield head;
    yield* pieces(size);
    uploaded = seconds();
  };
  const answer = decodeAnswer(await post(url, body(), head.length + size));
  const subscribers = answer.type === 'notify' ? answer.subscribers : 0;
  return { uploaded, confirmed: seconds(), subscribers };
}

async function post(url: string, body: Iterable<Uint8Array>, length?: number): Promise<Buffer> {
  const headers = length === undefined ? {} : { 'content-length': length };
  const request = httpRequest(url, { method: 'POST', headers });
  const answered = once(request, 'response');
  await pipeline(Readable.from(body, { objectMode: false }), request);
  const [response] = await answered;
  if (response.statusCode !== 200) throw new Error(`${url} has answered with ${response.statusCode}.`);
  return buffer(response);
}

async function showProgress(sinks: Child, size: number): Promise<void> {
  if (!process.stderr.isTTY) return;
  const taken = await sinks.ask<Taken[]>(null);
  const parts = taken.map(({ bytes }) => `${((100 * bytes) / size).toFixed(0)} %`);
  process.stderr.write(`\r  webhook ${parts[0]}, WebSocket ${parts[1]}   `);
}
