/** A broadcaster or a subscriber as a part of somebody's own server. */

import type { Bytes } from '../bytes/bytes.ts';
import type { HttpRequest, HttpResponse } from '../platform/types.ts';

/** What answers HTTP requests of its own among those of a server. */
export interface Endpoint {
  /** Whether requests for this path are for it. */
  takes(path: string): boolean;
  answer(request: HttpRequest): Promise<HttpResponse>;
}

/**
 * For servers that speak the web's own `Request` and `Response`: in Hono, Deno, Bun, or at an edge. WebSockets are not among
 * what such a handler is given.
 *
 * @returns null where the path is not the endpoint's.
 * @example
 * ```ts
 * import { Broadcaster, fetchHandler, noneAuth } from 'sotto/pubsub';
 * await using broadcaster = await Broadcaster.start({ store: 'sqlite::memory:', auth: noneAuth() });
 * const handle = fetchHandler(broadcaster);
 * const answer = await handle(new Request('http://example.com/v1/notify', { method: 'POST' }));
 * console.log(answer?.status); // 400: there is no notification in it
 * ```
 */
export function fetchHandler(endpoint: Endpoint): (request: Request) => Promise<Response | null> {
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    if (!endpoint.takes(pathname)) return null;
    const { status, headers, body } = await endpoint.answer({
      method: request.method,
      path: pathname,
      query: search.slice(1),
      header: (name) => request.headers.get(name),
      body: chunksOf(request.body),
      remote: { host: 'unknown', port: 0 },
    });
    return new Response(body.slice(), {
      status,
      ...(headers === undefined ? {} : { headers: { ...headers } }),
    });
  };
}

async function* chunksOf(body: ReadableStream<Bytes> | null): AsyncGenerator<Bytes, void, void> {
  const reader = body?.getReader();
  try {
    for (let part = await reader?.read(); part?.value; part = await reader?.read()) yield part.value;
  } finally {
    await reader?.cancel().catch(() => {}); // what is left is of no interest
  }
}
