/** WebSockets by ws, as pipes of messages. */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type RawData, WebSocket } from 'ws';
import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { MessageKind, Pipe, PipeEvents, SocketAddress, Sockets } from '../types.ts';
import { whyOf } from './tcp.ts';

const UNSUPPORTED_DATA = 1003;
/** How long the other end has to say goodbye, ms. */
const CLOSE_TIMEOUT = 1000;
/** Between two pings, ms. */
const PING_INTERVAL = 15_000;
/** Pings without a sign of life after which the other end is gone. */
const MOST_SILENT = 2;
/** Messages of one turn that are together no longer than this are one write, bytes. */
const MAX_JOINED = 0xffff;
/** RFC 6455, section 5.2: the first byte of a whole message. */
const FINAL: Readonly<Record<MessageKind, number>> = { text: 0x81, binary: 0x82 };
const LONGEST_HEADER = 4;

export const connectChannel: Sockets['connectChannel'] = async (url, options) => {
  const { maxMessage, timeout, messages } = options;
  const webSocket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: maxMessage,
    handshakeTimeout: timeout,
    followRedirects: false,
  });
  webSocket.on('error', () => {}); // told by `once` below
  try {
    await once(webSocket, 'open');
  } catch (cause) {
    throw new SottoError('unreachable', `${url} cannot be reached: ${whyOf(cause)}`, { cause });
  }
  const { hostname, port } = new URL(url);
  return webSocketPipe(webSocket, { host: hostname, port: Number(port) }, messages);
};

export function webSocketPipe(
  webSocket: WebSocket,
  remote: SocketAddress,
  kind: MessageKind = 'binary',
): Pipe {
  const socket = socketOf(webSocket);
  keepAlive(webSocket);
  let why: string | null = null;
  webSocket.on('error', (error) => {
    why = whyOf(error);
  });
  return {
    remote,
    get buffered() {
      return webSocket.bufferedAmount;
    },
    start(events: PipeEvents) {
      webSocket.on('message', (data, isBinary) => {
        if (isBinary || kind === 'text') events.onData(bytesOf(data));
        else sayGoodbye(webSocket, UNSUPPORTED_DATA, 'binary messages only');
      });
      socket?.on('drain', () => events.onDrain());
      webSocket.on('close', () => events.onClose(why));
      if (webSocket.readyState === WebSocket.CLOSED) events.onClose(why);
    },
    send(data) {
      if (webSocket.readyState !== WebSocket.OPEN) return;
      const joined = socket && isServer(webSocket) ? joinedFrames(data, kind) : null;
      if (joined) return void socket?.write(joined);
      socket?.cork();
      for (const message of data) webSocket.send(message, { binary: kind === 'binary' });
      socket?.uncork();
    },
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    end: () => sayGoodbye(webSocket),
    destroy: () => webSocket.terminate(),
  };
}

/** Ends soon, whether the other end says goodbye or not. */
function sayGoodbye(webSocket: WebSocket, code?: number, reason?: string): void {
  webSocket.resume(); // a paused one would not see the other end's goodbye
  webSocket.close(code, reason);
  setTimeout(() => webSocket.terminate(), CLOSE_TIMEOUT).unref();
}

/** Finds out that the other end has vanished, and keeps what lies between from forgetting the connection. */
function keepAlive(webSocket: WebSocket): void {
  const socket = socketOf(webSocket);
  let [silent, come] = [0, 0];
  const timer = setInterval(() => {
    if (webSocket.isPaused) return; // we would not hear it
    const bytesRead = socket?.bytesRead ?? 0;
    silent = bytesRead > come ? 1 : silent + 1;
    come = bytesRead;
    if (silent > MOST_SILENT) webSocket.terminate();
    else webSocket.ping();
  }, PING_INTERVAL);
  timer.unref();
  webSocket.on('close', () => clearInterval(timer));
}

/** A server's frames, which need no mask, after one another: one write costs many times less than one each. */
function joinedFrames(messages: readonly Bytes[], kind: MessageKind): Buffer | null {
  let most = 0;
  for (const message of messages) most += message.length + LONGEST_HEADER;
  if (most > MAX_JOINED) return null;
  const frames = Buffer.allocUnsafe(most);
  let at = 0;
  for (const message of messages) {
    frames[at] = FINAL[kind];
    at = writeLength(frames, at + 1, message.length);
    frames.set(message, at);
    at += message.length;
  }
  return frames.subarray(0, at);
}

/** @returns where the payload begins. */
function writeLength(frames: Buffer, at: number, length: number): number {
  if (length < 126) {
    frames[at] = length;
    return at + 1;
  }
  // No longer one is joined than 16 bits can tell.
  frames[at] = 126;
  return frames.writeUInt16BE(length, at + 1);
}

function isServer(webSocket: WebSocket): boolean {
  return (webSocket as unknown as { _isServer: boolean })._isServer;
}

/** The socket under a WebSocket: writes of one turn are corked into one, and it alone tells when it has drained. */
function socketOf(webSocket: WebSocket): Socket | undefined {
  return (webSocket as unknown as { _socket?: Socket })._socket;
}

/** No Buffer, whose `slice` is a view: parts of a message reach programs. */
function bytesOf(data: RawData): Bytes {
  if (Array.isArray(data)) return concatAll(data);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}
