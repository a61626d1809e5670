/** Who takes the file of the bench: a peer, or a bare server that writes what comes. Both see to it that it is on the disk. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createApp } from '../src/app/app.ts';
import { Identity } from '../src/keys/identity.ts';
import { PeerNode } from '../src/peers/node.ts';
import { beChild } from './child.ts';

const [role, udpPort] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'sotto-bench-'));

if (role === 'ours') {
  const node = await PeerNode.start(createApp(), {
    ...{
      identity: Identity.generate(),
      user: 'receiver',
      udpPort: Number(udpPort),
      tcpPort: 0,
      interfaces: ['lo'],
    },
    files: { folder, onOffer: () => true },
  });
  beChild(String(node.port), clear);
} else {
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    const path = join(folder, 'copy');
    await pipeline(socket.iterator({ destroyOnReturn: false }), createWriteStream(path));
    const handle = await open(path);
    await handle.sync();
    await handle.close();
    socket.end('done');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  beChild(String((server.address() as AddressInfo).port), clear);
}

/** Between two rounds. */
async function clear(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
}
