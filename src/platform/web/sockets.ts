/** What a browser has: fetch and WebSocket, as a client. The rest says so. */

import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import type { HttpAnswer, MessageKind, Pipe, PipeEvents, Sockets } from '../types.ts';

export const sockets: Sockets = {
  bindDatagrams: () => unsupported('listen for datagrams'),
  connectDatagrams: () => unsupported('send datagrams'),
  hostName: () => 'browser',
  bindMulticast: () => unsupported('take part in multicast'),
  loadMdns: () => unsupported('speak multicast DNS'),
  listenStreams: () => unsupported('listen for connections'),
  connectStream: () => unsupported('open TCP connections'),
  listenHttp: () => unsupported('be an HTTP server'),
  listenHttpStreams: () => unsupported('be an HTTP server'),
  get: () => unsupported('ask webhooks'),
  assertNetworks: () => {},

  post: (url, { body, contentType, ...rest }) => post(url, body, { 'content-type': contentType }, rest),

  // A browser streams to HTTP/2 alone: what is sent is put together first.
  async postStream(url, { body, headers, ...rest }) {
    const parts: Bytes[] = [];
    for await (const part of body) parts.push(part);
    return post(url, concatAll(parts), headers, rest);
  },

  connectChannel: (url, { timeout, messages = 'binary' }) =>
    new Promise((resolve, reject) => {
      const webSocket = new WebSocket(url);
      webSocket.binaryType = 'arraybuffer';
      const fail = (why: string): void => {
        clearTimeout(timer);
        webSocket.close();
        reject(new SottoError('unreachable', `${url} cannot be reached: ${why}`));
      };
      const timer = setTimeout(() => fail(`no connection within ${timeout} ms`), timeout);
      webSocket.onerror = () => fail('the connection failed');
      webSocket.onopen = () => {
        clearTimeout(timer);
        resolve(webSocketPipe(webSocket, messages));
      };
    }),

  soon: (work) => queueMicrotask(work),
};

async function post(
  url: string,
  body: Bytes,
  headers: Readonly<Record<string, string>>,
  { maxAnswer, signal }: { readonly maxAnswer: number; readonly signal: AbortSignal },
): Promise<HttpAnswer> {
  try {
    const options = { method: 'POST', credentials: 'omit' } as const;
    const answer = await fetch(url, { ...options, body: body.slice(), headers, signal });
    const retryAfter = answer.headers.get('retry-after');
    return { status: answer.status, body: await readAnswer(answer, maxAnswer), retryAfter };
  } catch (cause) {
    throw new SottoError('unreachable', `${url} cannot be reached: ${String(cause)}`, { cause });
  }
}

async function readAnswer(answer: Response, maxAnswer: number): Promise<Bytes> {
  const parts: Bytes[] = [];
  let length = 0;
  const reader = answer.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    length += part.value.length;
    if (length > maxAnswer) throw new Error(`the answer is longer than ${maxAnswer} bytes`);
    parts.push(part.value);
  }
  return concatAll(parts);
}

function webSocketPipe(webSocket: WebSocket, kind: MessageKind): Pipe {
  const { hostname, port } = new URL(webSocket.url);
  return {
    remote: { host: hostname, port: Number(port) },
    get buffered() {
      return webSocket.bufferedAmount;
    },
    start(events: PipeEvents) {
      webSocket.onmessage = (event: MessageEvent<unknown>) => {
        if (event.data instanceof ArrayBuffer) events.onData(new Uint8Array(event.data));
        else if (kind === 'text' && typeof event.data === 'string') events.onData(encodeUtf8(event.data));
      };
      webSocket.onerror = null;
      webSocket.onclose = (event) =>
        events.onClose(event.wasClean ? null : `it closed with code ${event.code}`);
    },
    send(data) {
      if (webSocket.readyState !== WebSocket.OPEN) return;
      for (const message of data) webSocket.send(kind === 'text' ? decodeUtf8(message) : message.slice());
    },
    // A browser can neither hold messages back nor tell when it has drained; its requests are few.
    pause() {},
    resume() {},
    end: () => webSocket.close(),
    destroy: () => webSocket.close(),
  };
}

function unsupported(what: string): Promise<never> {
  return Promise.reject(
    new SottoError('unsupported_platform', `A browser cannot ${what}; use http:// or ws://.`),
  );
}
