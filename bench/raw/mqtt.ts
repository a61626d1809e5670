/** MQTT 3.1.1, each message at most once. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { copies, count, type LengthOf, open, type RawRoad, SIZE, TOPIC } from './socket.ts';

// First bytes of packets: type and flags.
const CONNECT = 0x10;
const PUBLISH = 0x30;
const SUBSCRIBE = 0x82;
const LEVEL = 4;
const CLEAN_SESSION = 2;

export function mqtt(port: number): RawRoad {
  return {
    async subscribe(onMessages) {
      const socket = await openMqtt(port);
      const [packetNumber, atMostOnce] = [[0, 1], [0]];
      socket.write(packet(SUBSCRIBE, Buffer.from(packetNumber), text(TOPIC), Buffer.from(atMostOnce)));
      await once(socket, 'data');
      count(socket, packetLength, { isMessage: (bytes, at) => bytes[at] === PUBLISH, onMessages });
    },
    async publisher() {
      return copies(await openMqtt(port), packet(PUBLISH, text(TOPIC), randomBytes(SIZE)));
    },
  };
}

async function openMqtt(port: number): Promise<Socket> {
  const socket = await open(port);
  const forEver = [0, 0];
  const head = Buffer.from([LEVEL, CLEAN_SESSION, ...forEver]);
  socket.write(packet(CONNECT, text('MQTT'), head, text(randomBytes(8).toString('hex'))));
  await once(socket, 'data');
  return socket;
}

/** Seven bits a byte, the lowest first. */
const packetLength: LengthOf = (bytes, at) => {
  let length = 0;
  for (let digit = 0; ; digit++) {
    const byte = bytes[at + 1 + digit];
    if (byte === undefined) return 0;
    length |= (byte & 0x7f) << (7 * digit);
    if (byte < 0x80) return 2 + digit + length;
  }
};

function packet(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 0x80 ? [body.length] : [0x80 | (body.length & 0x7f), body.length >> 7];
  return Buffer.concat([Buffer.from([type, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}
