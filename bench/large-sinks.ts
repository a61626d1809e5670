/** A webhook and a WebSocket that take one long message, count it and hash it: `large-sinks.ts BROADCASTER BYTES`. */

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { encodeToBroadcaster } from '../src/wire/lonelyps-stateful.ts';
import { encodeAnswer } from '../src/wire/lonelyps-stateless.ts';
import { beChild } from './child.ts';
import { openSubscribed } from './raw/lonelyps.ts';
import { frameLength, headerLength, masked, messageOrPong } from './raw/websocket.ts';

export interface Taken {
  readonly bytes: number;
  /** Of them, once there are as many as there should be; else empty. */
  readonly sha512: string;
}

const [broadcaster = '', bytes = ''] = process.argv.slice(2);
const size = Number(bytes);
const SIGNED = { authorization: null, tracing: new Uint8Array(0) };
class Sink {
  readonly #hash = createHash('sha512');
  #bytes = 0;
  #sha512 = '';

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes === size && this.#sha512 === '') this.#sha512 = this.#hash.digest('hex');
  }

  get taken(): Taken {
    return { bytes: this.#bytes, sha512: this.#sha512 };
  }
}

const webhook = new Sink();
const webSocket = new Sink();

const server = createServer((request, response) => {
  let skip = Number(request.headers['content-length']) - size; // what stands before the message
  request.on('data', (chunk: Buffer) => {
    webhook.add(chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  });
  request.on('end', () => {
    const identifier = new Uint8Array(0);
    response.end(encodeAnswer({ type: 'confirm-receive', identifier, subscribers: 1, ...SIGNED }));
  });
});
takeParts(await openSubscribed(Number(new URL(broadcaster).port)));
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  beChild(url, () => [webhook.taken, webSocket.taken]);
});

/** A part whose headers have come. */
interface Part {
  readonly identifier: Uint8Array;
  readonly number: number;
  left: number;
}

/** Takes the parts of a message as they come, without waiting for whole frames. */
function takeParts(socket: Socket): void {
  const isMessage = messageOrPong(socket);
  let head: Buffer = Buffer.alloc(0);
  let part: Part | null = null;
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (!part) {
        head = Buffer.concat([head, rest]);
        const found = headOf(head, isMessage);
        if (!found) return;
        rest = head.subarray(found.length);
        part = found.part;
        head = Buffer.alloc(0);
      }
      if (!part) continue; // a ping
      const piece = rest.subarray(0, part.left);
      webSocket.add(piece);
      part.left -= piece.length;
      rest = rest.subarray(piece.length);
      if (part.left > 0) continue;
      confirm(socket, part);
      part = null;
    }
  });
}

function confirm(socket: Socket, { identifier, number }: Part): void {
  const isWhole = webSocket.taken.bytes === size;
  const message = isWhole
    ? ({ type: 'confirm-receive', identifier, subscribers: 1, ...SIGNED } as const)
    : ({ type: 'continue-receive', identifier, part: BigInt(number), ...SIGNED } as const);
  socket.write(masked(encodeToBroadcaster(message)));
}

/** Authorization, tracing, identifier, part; and five more headers in the first part. */
const [IDENTIFIER, PART_NUMBER, HEADERS, FIRST_HEADERS] = [2, 3, 4, 9];
/** Of a ping's frame, bytes. */
const LONGEST_CONTROL = 127;
/** Flags and type. */
const BEFORE_HEADERS = 4;

/** Null until all of it has come. */
function headOf(
  bytes: Buffer,
  isMessage: (bytes: Buffer, at: number) => boolean,
): { readonly length: number; readonly part: Part | null } | null {
  const frame = frameLength(bytes, 0);
  if (frame === 0) return null;
  if (bytes.length < Math.min(frame, LONGEST_CONTROL)) return null;
  if (!isMessage(bytes, 0)) return { length: frame, part: null };
  const values: Buffer[] = [];
  let at = headerLength(bytes, 0) + BEFORE_HEADERS;
  const isFirst = (): boolean => values[PART_NUMBER]?.every((byte) => byte === 0) ?? false;
  while (values.length < (isFirst() ? FIRST_HEADERS : HEADERS)) {
    if (at + 2 > bytes.length) return null;
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return null;
    values.push(bytes.subarray(at + 2, end));
    at = end;
  }
  const identifier = Uint8Array.from(values[IDENTIFIER] ?? []);
  const number = Number(`0x${values[PART_NUMBER]?.toString('hex')}`);
  return { length: at, part: { identifier, number, left: frame - at } };
}
