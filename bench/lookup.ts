/** Lookups: loading a million rows against the seed's method, answers against bare echoes, and how soon a save is told. */

import { execFile } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PssstClient } from '../src/envelope/pssst.ts';
import { Identity, LookupClient, LookupServer } from '../src/lookup/index.ts';
import { CipherSuite } from '../src/wire/pssst.ts';
import { encodeRoutedRequest } from '../src/wire/routed.ts';
import { encodeQuery, queryHeader, toBase64 } from '../src/wire/simple-client-server.ts';
import { BENCH_KEY } from './keys.ts';
import { load, loadLines } from './load.ts';
import { Server } from './server-process.ts';

const ROWS = 1_000_000;
const ROUNDS = 3;
const DURATION = 2000;
const EDITS = 100;
const run = promisify(execFile);

export async function benchLookup(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  try {
    const file = join(folder, 'million.csv');
    await writeRows(file);
    await benchLoad(file);
    await benchAnswers(file);
    await benchWatch(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function writeRows(file: string): Promise<void> {
  const stream = createWriteStream(file);
  stream.write('id,name,type,colour,place,count,note\n');
  for (let row = 0; row < ROWS; row += 1000) {
    const lines = Array.from({ length: 1000 }, (_, index) => lineOf(row + index));
    if (!stream.write(lines.join(''))) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
  await finished(stream);
}

function lineOf(row: number): string {
  const note = row % 10 === 0 ? '"small, but ""good"""' : 'kept on the left';
  return `id-${row},thing number ${row},tool,green,shelf ${row % 977},${row % 100},${note}\n`;
}

interface Opened {
  readonly seconds: number;
  readonly megabytes: number;
}

async function benchLoad(file: string): Promise<void> {
  const python: Opened[] = [];
  const ours: Opened[] = [];
  const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  for (let round = 0; round < ROUNDS; round++) {
    python.push(await opened('python3', [script('read_csv.py'), file]));
    ours.push(await opened(process.execPath, [script('open-csv.ts'), file]));
  }
  const [theirs, own] = [python, ours].map(best);
  if (!theirs || !own) return;
  console.log(`\nOpening ${ROWS} rows of CSV, best of ${ROUNDS}`);
  console.log('                       seconds  times Python  peak MB  times Python');
  console.log(lineFor("Python's csv.DictReader", theirs, theirs));
  console.log(lineFor('ours', own, theirs));
}

async function opened(program: string, args: readonly string[]): Promise<Opened> {
  const { stdout } = await run(program, [...args]);
  return JSON.parse(stdout) as Opened;
}

function best(all: readonly Opened[]): Opened {
  return {
    seconds: Math.min(...all.map(({ seconds }) => seconds)),
    megabytes: Math.min(...all.map(({ megabytes }) => megabytes)),
  };
}

function lineFor(name: string, own: Opened, reference: Opened): string {
  const cells = [
    own.seconds.toFixed(2).padStart(7),
    (own.seconds / reference.seconds).toFixed(2).padStart(13),
    own.megabytes.toFixed(0).padStart(8),
    (own.megabytes / reference.megabytes).toFixed(2).padStart(13),
  ];
  return `${name.padEnd(23)}${cells.join(' ')}`;
}

async function benchAnswers(file: string): Promise<void> {
  const queries = Array.from({ length: 4096 }, () => `id-${Math.floor(Math.random() * ROWS)}`);
  const encoder = new TextEncoder();
  const plain = queries.map((query) =>
    encodeQuery(queryHeader('plain', 'j'), encoder.encode(JSON.stringify(query))),
  );
  const client = new PssstClient(Identity.from(BENCH_KEY).publicKey, {
    cipherSuite: CipherSuite.X25519_AESGCM256,
  });
  const sealed = queries.map((query) => {
    const request = {
      representation: 't',
      once: false,
      oneWay: false,
      sentAt: Date.now(),
      route: '/lookup',
      body: encoder.encode(query),
    } as const;
    const { packet } = client.packRequest(encodeRoutedRequest(request, 460));
    return encodeQuery(queryHeader('sealed', 'b'), toBase64(packet));
  });
  const inFlight = 64;
  const options = { inFlight, duration: DURATION, sockets: 4 };
  console.log(`\nAnswers a second from ${ROWS} rows, ${inFlight} in flight; the load runs on the same cores`);
  console.log('                    lookups/s  bare echo/s  part of it');
  const roads = [
    [
      'UDP, plain',
      'lookup-plain',
      'udp-echo',
      plain,
      (url: string, packets: Uint8Array[]) => load(url, { packets, ...options }),
    ],
    [
      'UDP, sealed',
      'lookup-sealed',
      'udp-echo',
      sealed,
      (url: string, packets: Uint8Array[]) => load(url, { packets, ...options }),
    ],
    ['TCP, plain', 'lookup-plain', 'line-echo', plain, byLines],
    ['TCP, sealed', 'lookup-sealed', 'line-echo', sealed, byLines],
  ] as const;
  for (const [name, kind, echoKind, packets, measure] of roads) {
    const [server, echo] = [await Server.start(kind, file), await Server.start(echoKind)];
    let [ours, bare] = [0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      ours = Math.max(ours, await measure(server.url, packets));
      bare = Math.max(bare, await measure(echo.url, packets));
    }
    for (const { child } of [server, echo]) child.kill();
    const cells = [
      ours.toFixed(0).padStart(9),
      bare.toFixed(0).padStart(12),
      (ours / bare).toFixed(2).padStart(11),
    ];
    console.log(`${name.padEnd(19)} ${cells.join(' ')}`);
  }
}

function byLines(url: string, packets: Uint8Array[]): Promise<number> {
  return loadLines(Number(new URL(url).port), { packets, inFlight: 16, duration: DURATION });
}

/** From the rename that saves the file to the row at a client that watches it, over TCP on this machine. */
async function benchWatch(file: string): Promise<void> {
  const identity = Identity.from(BENCH_KEY);
  const server = await LookupServer.start({ port: 0, files: { [file]: 'id' }, identity });
  const client = LookupClient.connect({ ...server.address, serverKey: identity.publicKey });
  const states = client.watch('id-500000');
  await states.next();
  const bytes = readFileSync(file);
  const at = bytes.indexOf('\nid-500000,') + '\nid-500000,thing number '.length;
  const delays: number[] = [];
  for (let edit = 0; edit < EDITS; edit++) {
    bytes.write(String(100_000 + edit), at);
    writeFileSync(`${file}.new`, bytes);
    const change = states.next();
    await new Promise((resolve) => setTimeout(resolve, 50)); // the watch is under way again
    renameSync(`${file}.new`, file);
    const saved = performance.now();
    await change;
    delays.push(performance.now() - saved);
  }
  await states.return();
  await client.close();
  await server.close();
  delays.sort((left, right) => left - right);
  const at99 = delays[Math.ceil(0.99 * EDITS) - 1] ?? 0;
  const middle = delays[EDITS >> 1] ?? 0;
  console.log(
    `\nOne row of ${ROWS} changed, file saved to change delivered: p50 ${middle.toFixed(0)} ms, p99 ${at99.toFixed(0)} ms, ` +
      `most ${delays.at(-1)?.toFixed(0)} ms (${EDITS} saves; target p99 300 ms)`,
  );
}
