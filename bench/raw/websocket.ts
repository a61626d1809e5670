/** WebSockets on bare sockets. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { encodeToBroadcaster } from '../../src/wire/lonelyps-stateful.ts';
import { copies, count, type LengthOf, MOST, open, type RawRoad, repeated, SIZE, walk } from './socket.ts';

/** Clients mask by chance; any that is not 0 costs the server the same. */
const MASK: Buffer = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
/** First bytes of whole frames. */
const [FINAL_BINARY, FINAL_PING, FINAL_PONG] = [0x82, 0x89, 0x8a];

export function webSockets(port: number): RawRoad {
  return {
    async subscribe(onMessages) {
      const socket = await openWebSocket(port, '/');
      count(socket, frameLength, { isMessage: messageOrPong(socket), onMessages });
    },
    publisher: () => publisher(port),
  };
}

/** Each message is confirmed by its first bytes, with as many as ours takes. */
export function confirmedWebSockets(port: number): RawRoad {
  return {
    async subscribe(onMessages) {
      const socket = await openWebSocket(port, '/');
      confirm(socket, { identifierAt: (_bytes, payload) => payload, onMessages });
    },
    publisher: () => publisher(port),
  };
}

async function publisher(port: number): Promise<(count: number) => void> {
  return copies(await openWebSocket(port, '/publish'), masked(randomBytes(SIZE)));
}

export async function openWebSocket(port: number, path: string): Promise<Socket> {
  const socket = await open(port);
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  if (head.toString('latin1').startsWith('HTTP/1.1 101')) return socket;
  throw new Error(head.toString('latin1'));
}

export function headerLength(bytes: Buffer, at: number): number {
  const short = (bytes[at + 1] ?? 0) & 0x7f;
  if (short < 126) return 2;
  return short === 126 ? 4 : 10;
}

export const frameLength: LengthOf = (bytes, at) => {
  const header = headerLength(bytes, at);
  if (at + header > bytes.length) return 0;
  if (header === 2) return header + ((bytes[at + 1] ?? 0) & 0x7f);
  return header + (header === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2)));
};

function isMessage(bytes: Buffer, at: number): boolean {
  return bytes[at] === FINAL_BINARY;
}

/** Whether the frame is a message; answers a ping, since a server takes who is silent for gone. */
export function messageOrPong(socket: Socket): (bytes: Buffer, at: number) => boolean {
  return (bytes, at) => {
    if (bytes[at] === FINAL_PING) {
      const payload = bytes.subarray(at + headerLength(bytes, at), at + frameLength(bytes, at));
      socket.write(masked(payload, FINAL_PONG));
    }
    return isMessage(bytes, at);
  };
}

/** A client's frame. */
export function masked(payload: Uint8Array, first: number = FINAL_BINARY): Buffer {
  const { length } = payload;
  const header = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff];
  const hidden = payload.map((byte, index) => byte ^ (MASK[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([first, ...header]), MASK, hidden]);
}

export const IDENTIFIER_SIZE = 16;
/** After flags, type and its own length. */
const IDENTIFIER_AT = 6;
/** A confirmation in which only the identifier is missing. */
const CONFIRM: Buffer = masked(
  encodeToBroadcaster({
    type: 'confirm-receive',
    identifier: new Uint8Array(IDENTIFIER_SIZE),
    subscribers: 1,
    authorization: null,
    tracing: new Uint8Array(0),
  }),
);
const CONFIRMS: Buffer = repeated(CONFIRM);
const CONFIRM_HEADER = 2 + MASK.length;

/** Confirms each message by its identifier, those of one chunk in one write. */
export function confirm(
  socket: Socket,
  options: {
    /** Where it lies; -1 for what is not confirmed. */
    identifierAt(bytes: Buffer, payload: number): number;
    onMessages(count: number): void;
  },
): void {
  const { identifierAt, onMessages } = options;
  const isMessage = messageOrPong(socket);
  let found: number[] = [];
  let from: Buffer = CONFIRM;
  walk(socket, frameLength, {
    onFrame(bytes, at) {
      if (!isMessage(bytes, at)) return;
      from = bytes;
      const identifier = identifierAt(bytes, at + headerLength(bytes, at));
      if (identifier >= 0) found.push(identifier);
    },
    onChunk() {
      const come = found.length;
      if (come > 0) socket.write(confirmations(from, found));
      found = [];
      onMessages(come);
    },
  });
}

function confirmations(bytes: Buffer, identifiers: readonly number[]): Buffer {
  if (identifiers.length > MOST) throw new Error('More came at once than was published.');
  const frames = Buffer.from(CONFIRMS.subarray(0, identifiers.length * CONFIRM.length));
  let at = CONFIRM_HEADER + IDENTIFIER_AT;
  for (const identifier of identifiers) {
    for (let index = 0; index < IDENTIFIER_SIZE; index++) {
      frames[at + index] = (bytes[identifier + index] ?? 0) ^ (MASK[(IDENTIFIER_AT + index) % 4] ?? 0);
    }
    at += CONFIRM.length;
  }
  return frames;
}
