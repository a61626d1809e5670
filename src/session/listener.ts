/** Where sessions come in: WebSockets on a path of an HTTP port. */

import { SottoError } from '../errors.ts';
import type { HttpLimits, Pipe } from '../platform/types.ts';
import { HttpMount } from '../transport/http-mount.ts';
import { told } from '../transport/listen.ts';
import { DEFAULT_PATH, formatUrl, parseUrl, type RoadUrl } from '../transport/url.ts';

export interface SessionListener {
  readonly address: string;
  /** Takes nobody new. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface SessionDoor {
  onPipe(pipe: Pipe): void;
  onDrop(reason: string): void;
}

export const SESSION_PATH = '/session';
/** What a Noise message has at the most, bytes. */
export const MAX_SESSION_PACKET = 65_535;
const MAX_CONNECTIONS = 20_000;
const REQUEST_TIMEOUT = 10_000;

/** @throws SottoError `invalid_url`, `address_in_use`, `listen_failed`. */
export async function listenForSessions(
  {
    listen,
    maxConnectionsPerHost,
  }: { readonly listen: readonly string[]; readonly maxConnectionsPerHost: number },
  door: SessionDoor,
): Promise<readonly SessionListener[]> {
  const urls = listen.map((text) => sessionUrl(text, ['ws']));
  const limits: HttpLimits = {
    maxBody: MAX_SESSION_PACKET,
    maxConnections: MAX_CONNECTIONS,
    maxConnectionsPerHost,
    requestTimeout: REQUEST_TIMEOUT,
    idleTimeout: 2 ** 31 - 1, // pings tell who is gone
  };
  const listeners: SessionListener[] = [];
  try {
    for (const url of urls) listeners.push(await listenOn(url, limits, door));
    return listeners;
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
}

/** With the path of sessions, where it names none. @throws SottoError `invalid_url`. */
export function sessionUrl(text: string, schemes: readonly string[]): RoadUrl {
  const url = parseUrl(text);
  if (!schemes.includes(url.scheme)) {
    const wanted = schemes.map((scheme) => `${scheme}://`).join(' or ');
    throw new SottoError('invalid_url', `${text} carries no session; it must begin with ${wanted}.`);
  }
  return url.path === DEFAULT_PATH ? { ...url, path: SESSION_PATH } : url;
}

async function listenOn(url: RoadUrl, limits: HttpLimits, door: SessionDoor): Promise<SessionListener> {
  const mount = new HttpMount();
  let isTaking = true;
  mount.onPipe(url.path, (pipe) => {
    if (isTaking) door.onPipe(pipe);
    else pipe.destroy();
  });
  await told(
    url,
    mount.listen({
      ...{ host: url.host, port: url.port, reusePort: false, limits },
      onDrop: (reason) => door.onDrop(reason),
    }),
  );
  return {
    address: formatUrl({ ...url, port: mount.port }),
    async stop() {
      isTaking = false;
    },
    close: () => mount.leave(),
  };
}
