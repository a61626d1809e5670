/** Where sessions come in: WebSockets and POSTs on a path of an HTTP port. */

import { primitives } from '#crypto';
import type { HttpLimits, Pipe } from '../platform/types.ts';
import { MAX_BATCH } from '../transport/http-batches.ts';
import { HttpMount } from '../transport/http-mount.ts';
import { HttpPipes } from '../transport/http-pipe.ts';
import { told } from '../transport/listen.ts';
import { formatUrl, type RoadUrl } from '../transport/url.ts';
import { BATCH_ID_SIZE } from '../wire/http-batch.ts';
import { MAX_SESSION_PACKET, sessionUrl } from './url.ts';

export interface SessionListener {
  readonly address: string;
  /** Takes nobody new. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface SessionDoor {
  onPipe(pipe: Pipe, transport: 'ws' | 'http'): void;
  onDrop(reason: string): void;
}

const MAX_CONNECTIONS = 20_000;
const REQUEST_TIMEOUT = 10_000;
/** Of a connection between two requests, ms. */
const KEEP_ALIVE = 60_000;

/**
 * Listens on every URL, or on none; those of one host and port share it.
 *
 * @throws SottoError `invalid_url`, `address_in_use`, `listen_failed`.
 */
export async function listenForSessions(
  {
    listen,
    maxConnectionsPerHost,
  }: { readonly listen: readonly string[]; readonly maxConnectionsPerHost: number },
  door: SessionDoor,
): Promise<readonly SessionListener[]> {
  const places = new Map<string, Place>();
  const listeners = listen.map((text) => {
    const url = sessionUrl(text, ['ws', 'http']);
    const name = `${url.host} ${url.port}`;
    const place = places.get(name) ?? { url, mount: new HttpMount() };
    places.set(name, place);
    return url.scheme === 'ws' ? takeChannels(url, place.mount, door) : takePosts(url, place.mount, door);
  });
  const limits: HttpLimits = {
    maxBody: 2 * MAX_BATCH,
    maxConnections: MAX_CONNECTIONS,
    maxConnectionsPerHost: 2 * maxConnectionsPerHost, // a session by POSTs needs two; sessions are counted apart
    requestTimeout: REQUEST_TIMEOUT,
    idleTimeout: KEEP_ALIVE,
  };
  const onDrop = (reason: string): void => door.onDrop(reason);
  try {
    for (const { url, mount } of places.values()) {
      const { host, port } = url;
      await told(url, mount.listen({ host, port, reusePort: false, limits, onDrop }));
    }
    return listeners;
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
}

interface Place {
  readonly url: RoadUrl;
  readonly mount: HttpMount;
}

function takeChannels(url: RoadUrl, mount: HttpMount, door: SessionDoor): SessionListener {
  let isTaking = true;
  mount.onPipe(url.path, (pipe) => (isTaking ? door.onPipe(pipe, 'ws') : pipe.destroy()));
  return {
    get address() {
      return formatUrl({ ...url, port: mount.port });
    },
    async stop() {
      isTaking = false;
    },
    close: () => mount.leave(),
  };
}

function takePosts(url: RoadUrl, mount: HttpMount, door: SessionDoor): SessionListener {
  const pipes = new HttpPipes(
    {
      ...{ maxMessage: MAX_SESSION_PACKET, maxPipes: MAX_CONNECTIONS },
      newId: () => primitives.randomBytes(BATCH_ID_SIZE),
    },
    (pipe) => door.onPipe(pipe, 'http'),
    (reason) => door.onDrop(reason),
  );
  pipes.mountAt(url.path, mount);
  return {
    get address() {
      return formatUrl({ ...url, port: mount.port });
    },
    stop: async () => pipes.stop(),
    async close() {
      await pipes.close();
      await mount.leave();
    },
  };
}
