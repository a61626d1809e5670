/** WebSockets by ws, as pipes of binary messages. */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type RawData, WebSocket } from 'ws';
import { type Bytes, concat } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Pipe, PipeEvents, SocketAddress, Sockets } from '../types.ts';
import { whyOf } from './tcp.ts';

const UNSUPPORTED_DATA = 1003;
/** How long the other end has to say goodbye, ms. */
const CLOSE_TIMEOUT = 1000;

export const connectChannel: Sockets['connectChannel'] = async (url, { maxMessage, timeout }) => {
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
  return webSocketPipe(webSocket, { host: hostname, port: Number(port) });
};

export function webSocketPipe(webSocket: WebSocket, remote: SocketAddress): Pipe {
  const socket = socketOf(webSocket);
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
        if (isBinary) events.onData(bytesOf(data));
        else webSocket.close(UNSUPPORTED_DATA, 'binary messages only');
      });
      socket?.on('drain', () => events.onDrain());
      webSocket.on('close', () => events.onClose(why));
      if (webSocket.readyState === WebSocket.CLOSED) events.onClose(why);
    },
    send(data) {
      if (webSocket.readyState !== WebSocket.OPEN) return;
      socket?.cork();
      for (const message of data) webSocket.send(message, { binary: true });
      socket?.uncork();
    },
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    end() {
      webSocket.resume(); // a paused one would not see the other end's goodbye
      webSocket.close();
      setTimeout(() => webSocket.terminate(), CLOSE_TIMEOUT).unref();
    },
    destroy: () => webSocket.terminate(),
  };
}

/** The socket under a WebSocket: writes of one turn are corked into one, and it alone tells when it has drained. */
function socketOf(webSocket: WebSocket): Socket | undefined {
  return (webSocket as unknown as { _socket?: Socket })._socket;
}

function bytesOf(data: RawData): Bytes {
  if (Array.isArray(data)) return concat(...data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
