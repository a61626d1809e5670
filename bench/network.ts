/** Sealed servers against bare echoes on the same sockets, by the CPU time that a request costs the server. */

import { encodeHex } from '../src/bytes/text.ts';
import { CipherSuite, generateKeyPair, PssstClient, PssstServer } from '../src/envelope/pssst.ts';
import { load } from './load.ts';
import { Server } from './server-process.ts';
import { measureAll } from './table.ts';

const IN_FLIGHT = 64;
const DURATION = 2000;
const ROUNDS = 3;
const suite = { cipherSuite: CipherSuite.X25519_AESGCM256 };

interface Measured {
  readonly perSecond: number;
  /** Of the server, us a request. */
  readonly cost: number;
}

async function measure(
  server: Server,
  packets: readonly Uint8Array[],
  inFlight = IN_FLIGHT,
): Promise<Measured> {
  const before = await server.cpu();
  const started = performance.now();
  const perSecond = await load(server.url, { packets, inFlight, duration: DURATION, sockets: 4 });
  const requests = (perSecond * (performance.now() - started)) / 1000;
  return { perSecond, cost: ((await server.cpu()) - before) / requests };
}

export async function benchNetwork(): Promise<void> {
  const keys = generateKeyPair(suite.cipherSuite);
  const client = new PssstClient(keys.publicKey, suite);
  const packets = Array.from({ length: 4096 }, () => client.packRequest(new Uint8Array(64)).packet);
  const opener = new PssstServer(keys.privateKey, suite);
  const [codec = 1] = measureAll(
    [() => void opener.unpackRequest(packets[0] ?? new Uint8Array(0)).packReply(new Uint8Array(64))],
    3,
  );
  const codecCost = 1e6 / codec;
  console.log(
    `\nSealed and bare, 64-byte messages, ${IN_FLIGHT} in flight; the server's CPU time, us a request (best of ${ROUNDS})`,
  );
  console.log('road  bare echo  codec alone  sealed  times (echo + codec)  sealed/s  bare/s');
  for (const road of ['udp', 'tcp'] as const) {
    const echo = await Server.start(`${road}-echo`);
    const sealed = await Server.start(`${road}-sotto`, encodeHex(keys.privateKey));
    const [bare, ours] = [[], []] as [Measured[], Measured[]];
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await measure(echo, packets));
      ours.push(await measure(sealed, packets));
    }
    for (const { child } of [echo, sealed]) child.kill();
    const [a, b] = [bare, ours].map(
      (all) => all.sort((x, y) => x.cost - y.cost)[0] ?? { perSecond: 0, cost: 0 },
    );
    if (!a || !b) continue;
    const ratio = b.cost / (a.cost + codecCost);
    const cells = [
      a.cost.toFixed(1),
      codecCost.toFixed(1),
      b.cost.toFixed(1),
      ratio.toFixed(2),
      b.perSecond.toFixed(0),
      a.perSecond.toFixed(0),
    ];
    console.log(
      [road.padEnd(4), ...cells.map((cell, index) => cell.padStart([10, 12, 7, 21, 9, 7][index] ?? 8))].join(
        ' ',
      ),
    );
  }
  await benchWorkers(keys.privateKey, packets);
}

async function benchWorkers(key: Uint8Array, packets: readonly Uint8Array[]): Promise<void> {
  const options = { packets, inFlight: 128, duration: DURATION, sockets: 32 };
  const first = await Server.start('udp-worker', encodeHex(key));
  const one = await load(first.url, options);
  const second = await Server.start('udp-worker', encodeHex(key), new URL(first.url).port);
  const two = await load(first.url, options);
  for (const { child } of [first, second]) child.kill();
  console.log(
    `\nWorkers on one UDP port: 1 process ${one.toFixed(0)}/s, 2 processes ${two.toFixed(0)}/s, ${(two / one).toFixed(2)} times`,
  );
  console.log('(the load runs on the same cores)');
}
