/** A file from peer to peer, sealed, hashed and confirmed, against a plain copy by a bare TCP stream. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createApp } from '../src/app/app.ts';
import { Identity } from '../src/keys/identity.ts';
import { PeerNode } from '../src/peers/node.ts';
import { Child } from './child.ts';

const MEGABYTE = 1_000_000;
const USUAL_SIZE = '1000';
const ROUNDS = 5;
const UDP_PORT = 57_991;
const FOUND_WITHIN = 10_000;

/** @param wanted size of the file, MB. */
export async function benchPeerFiles(wanted: string = USUAL_SIZE): Promise<void> {
  const megabytes = Number(wanted);
  const folder = await mkdtemp(join(tmpdir(), 'sotto-bench-'));
  const path = join(folder, 'file');
  await pipeline(Readable.from(noise(megabytes), { objectMode: false }), createWriteStream(path));
  const plain = await Child.start('peer-files-receivers.ts', 'plain');
  const ours = await Child.start('peer-files-receivers.ts', 'ours', String(UDP_PORT));
  const node = await PeerNode.start(createApp(), {
    ...{ identity: Identity.generate(), user: 'sender', udpPort: UDP_PORT, tcpPort: 0, interfaces: ['lo'] },
    staticPeers: [`127.0.0.1:${ours.ready}`],
  });
  try {
    await found(node);
    const best = { plain: 0, ours: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      best.plain = Math.max(best.plain, await rate(megabytes, () => copyPlainly(path, Number(plain.ready))));
      best.ours = Math.max(best.ours, await rate(megabytes, () => node.sendFile('receiver', path)));
      for (const child of [plain, ours]) await child.ask(null);
    }
    console.log(`\nA file of ${megabytes} MB over loopback, onto the disk, best of ${ROUNDS}`);
    console.log(`plain copy (node:net and node:fs streams)   ${best.plain.toFixed(0)} MB/s`);
    const ratio = (best.ours / best.plain).toFixed(2);
    console.log(`sendFile, sealed and hashed                 ${best.ours.toFixed(0)} MB/s, ${ratio} of it`);
  } finally {
    await node.close();
    for (const child of [plain, ours]) child.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function* noise(megabytes: number): Generator<Buffer, void, void> {
  const piece = randomBytes(MEGABYTE);
  for (let number = 0; number < megabytes; number++) {
    piece.writeUInt32BE(number);
    yield Buffer.from(piece);
  }
}

async function found(node: PeerNode): Promise<void> {
  if (node.peers.some((peer) => peer.kind === 'sealed' && peer.isVerified)) return;
  const over = AbortSignal.timeout(FOUND_WITHIN);
  await new Promise<void>((resolve, reject) => {
    node.on('verified', () => resolve());
    over.addEventListener('abort', () => reject(new Error('The receiver was not found.')));
  });
}

async function rate(megabytes: number, send: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await send();
  return megabytes / ((performance.now() - start) / 1000);
}

async function copyPlainly(path: string, port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  const stored = once(socket, 'data');
  await pipeline(createReadStream(path), socket);
  await stored;
}
