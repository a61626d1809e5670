/** The NATS client protocol: lines, and payloads after some of them. */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { copies, count, type LengthOf, open, type RawRoad, SIZE, TOPIC } from './socket.ts';

/** First letters of MSG and PING, and what lies in a line. */
const [M, P, LF, SPACE, ZERO] = [0x4d, 0x50, 0x0a, 0x20, 0x30];

export function nats(port: number): RawRoad {
  return {
    async subscribe(onMessages) {
      const socket = await openNats(port);
      socket.write(`SUB ${TOPIC} 1\r\nPING\r\n`);
      await once(socket, 'data');
      listen(socket, onMessages);
    },
    async publisher() {
      const socket = await openNats(port);
      listen(socket, () => {});
      return copies(socket, Buffer.from(`PUB ${TOPIC} ${SIZE}\r\n${'x'.repeat(SIZE)}\r\n`));
    },
  };
}

async function openNats(port: number): Promise<Socket> {
  const socket = await open(port);
  await once(socket, 'data');
  socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n');
  return socket;
}

function listen(socket: Socket, onMessages: (count: number) => void): void {
  const isMessage = (bytes: Buffer, at: number): boolean => {
    if (bytes[at] === P) socket.write('PONG\r\n');
    return bytes[at] === M;
  };
  count(socket, lineLength, { isMessage, onMessages });
}

/** A line, and the payload whose size is the last number of it. */
const lineLength: LengthOf = (bytes, at) => {
  let end = at;
  while (end < bytes.length && bytes[end] !== LF) end += 1;
  if (end === bytes.length) return 0;
  const line = end + 1 - at;
  if (bytes[at] !== M) return line;
  let size = 0;
  for (let digit = end - 2, place = 1; bytes[digit] !== SPACE; digit--, place *= 10) {
    size += ((bytes[digit] ?? 0) - ZERO) * place;
  }
  return line + size + 2;
};
