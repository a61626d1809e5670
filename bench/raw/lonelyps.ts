/** lonelyps over WebSockets: what comes is confirmed, as the protocol wants; nothing is checked. */

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { encodeToBroadcaster, type ToBroadcaster } from '../../src/wire/lonelyps-stateful.ts';
import { count, type RawRoad, repeated, SIZE, TOPIC } from './socket.ts';
import {
  confirm,
  frameLength,
  headerLength,
  IDENTIFIER_SIZE,
  masked,
  messageOrPong,
  openWebSocket,
} from './websocket.ts';

const SIGNED = { authorization: null, tracing: new Uint8Array(0) };
/** Of NOTIFY and RECEIVE_STREAM, after flags, type, an empty authorization and tracing, and its own length. */
const IDENTIFIER_AT = 10;
const CONFIRM_CONFIGURE = 1;
const CONFIRM_SUBSCRIBE_EXACT = 2;
const RECEIVE_STREAM = 8;

export function lonelyps(port: number): RawRoad {
  return {
    async subscribe(onMessages) {
      const socket = await openSubscribed(port);
      const identifierAt = (bytes: Buffer, payload: number): number =>
        typeAt(bytes, payload) === RECEIVE_STREAM ? payload + IDENTIFIER_AT : -1;
      confirm(socket, { identifierAt, onMessages });
    },
    publisher: async () => (await Notifier.open(port, () => {})).notify,
  };
}

/** Publishes one message again and again, each time under another identifier. */
export class Notifier {
  readonly #socket: Socket;
  readonly #frame: Buffer;
  readonly #frames: Buffer;
  readonly #identifierAt: number;
  #number = 0;

  /** @param onConfirmed called with how many have come to all. */
  static async open(port: number, onConfirmed: (count: number) => void): Promise<Notifier> {
    const socket = await openConfigured(port);
    count(socket, frameLength, { isMessage: messageOrPong(socket), onMessages: onConfirmed });
    return new Notifier(socket);
  }

  private constructor(socket: Socket) {
    const notification = encodeToBroadcaster(aNotification());
    this.#socket = socket;
    this.#frame = masked(notification);
    this.#frames = repeated(this.#frame);
    this.#identifierAt = this.#frame.length - notification.length + IDENTIFIER_AT;
  }

  readonly notify = (count: number): void => {
    const { length } = this.#frame;
    const frames = Buffer.from(this.#frames.subarray(0, count * length));
    for (let index = 0; index < count; index++) {
      frames.writeUInt32BE(this.#number++ >>> 0, index * length + this.#identifierAt);
    }
    this.#socket.write(frames);
  };

  close(): void {
    this.#socket.removeAllListeners('close').destroy();
  }
}

function aNotification(): ToBroadcaster {
  const body = new Uint8Array(SIZE).fill(0x78);
  return {
    type: 'notify',
    identifier: new Uint8Array(IDENTIFIER_SIZE),
    topic: encodeUtf8(TOPIC),
    compressor: 0n,
    decompressedLength: BigInt(SIZE),
    sha512: createHash('sha512').update(body).digest(),
    body,
    ...SIGNED,
  };
}

export async function openSubscribed(port: number): Promise<Socket> {
  const socket = await openConfigured(port);
  await ask(
    socket,
    { type: 'subscribe-exact', topic: encodeUtf8(TOPIC), ...SIGNED },
    CONFIRM_SUBSCRIBE_EXACT,
  );
  return socket;
}

async function openConfigured(port: number): Promise<Socket> {
  const socket = await openWebSocket(port, '/v1/websocket');
  const options = { enableZstd: false, enableTraining: false, initialDictionary: 0 };
  const configure = { type: 'configure', subscriberNonce: randomBytes(32), ...options, ...SIGNED } as const;
  await ask(socket, configure, CONFIRM_CONFIGURE);
  return socket;
}

async function ask(socket: Socket, question: ToBroadcaster, answerType: number): Promise<void> {
  socket.write(masked(encodeToBroadcaster(question)));
  const [frame] = (await once(socket, 'data')) as [Buffer];
  if (typeAt(frame, headerLength(frame, 0)) !== answerType)
    throw new Error(`${question.type} was not answered.`);
}

function typeAt(bytes: Buffer, payload: number): number {
  return bytes.readUInt16BE(payload + 2);
}
