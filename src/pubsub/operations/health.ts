/** What those who run a broadcaster may ask it by HTTP: `/healthz`, `/readyz` and `/metrics`. */

import { EMPTY } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import type { HttpRequest, HttpResponse } from '../../platform/types.ts';
import type { BroadcasterMetrics } from './metrics.ts';
import { within } from './within.ts';

/**
 * Who is answered. `local`: the metrics only to this machine, to others as if there were none; health to all. `all`:
 * everything to everybody. `off`: nothing to anybody.
 *
 * A proxy on this machine is this machine: let it hand on `/v1/` alone.
 */
export type OperationsAccess = 'local' | 'all' | 'off';

/** Something that must be there for work to be done. */
export interface Probe {
  /** What is said to be away where it fails. */
  readonly name: string;
  /** Rejects, or does not come back in time, where it is away. */
  check(): Promise<unknown>;
}

export interface Readiness {
  readonly isReady: boolean;
  /** Names of what is away. */
  readonly away: readonly string[];
}

export interface Operations {
  readonly access: OperationsAccess;
  /** What must be there, such as the store. */
  readonly probes: readonly Probe[];
  /** Whether it is closing and should be sent nothing new. */
  isDraining(): boolean;
  /** Null where there are none. */
  readonly metrics: Pick<BroadcasterMetrics, 'text'> | null;
  /** One probe's time, ms. */
  readonly probeTimeout: number;
}

type Asked = Pick<HttpRequest, 'method' | 'path' | 'header' | 'remote'>;

const PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);
/** With any of these a request has come through a proxy, whoever it is from. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'];

/**
 * Answers a request of those who run it, as long as the process does: also while it drains.
 *
 * @returns null at once for any other path, and for all where `access` is `off`.
 */
export function operationsResponse(request: Asked, operations: Operations): Promise<HttpResponse> | null {
  if (!PATHS.has(request.path) || operations.access === 'off') return null;
  return answer(request, operations);
}

/** Whether work can be done: nothing is away, and it is not draining. Never rejects. */
export async function readiness(
  operations: Pick<Operations, 'probes' | 'isDraining' | 'probeTimeout'>,
): Promise<Readiness> {
  const { probes, probeTimeout } = operations;
  const results = await Promise.allSettled(probes.map((probe) => within(probeTimeout, () => probe.check())));
  const away = probes.flatMap(({ name }, index) => (results[index]?.status === 'rejected' ? [name] : []));
  return { isReady: away.length === 0 && !operations.isDraining(), away };
}

/**
 * A probe that is made once for all who ask while it is under way: whoever asks often makes no more work than one does.
 *
 * @param timeout after so long it is made anew, ms.
 */
export function sharedProbe(probe: Probe, timeout: number): Probe {
  let underWay: Promise<unknown> | null = null;
  return {
    name: probe.name,
    check() {
      underWay ??= within(timeout, () => probe.check()).finally(() => {
        underWay = null;
      });
      return underWay;
    },
  };
}

async function answer(request: Asked, operations: Operations): Promise<HttpResponse> {
  const { method, path } = request;
  const { access, metrics } = operations;
  if (path === '/metrics' && (metrics === null || (access === 'local' && !isLocal(request)))) {
    return { status: 404, body: EMPTY };
  }
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, headers: { allow: 'GET, HEAD' }, body: EMPTY };
  }
  if (path === '/healthz') return json(200, { status: 'ok' });
  if (path === '/readyz' || metrics === null) return ready(operations);
  const { contentType, body } = await metrics.text();
  return said(200, contentType, body);
}

async function ready(operations: Operations): Promise<HttpResponse> {
  if (operations.isDraining()) return json(503, { status: 'draining', away: [] });
  const { isReady, away } = await readiness(operations);
  if (isReady) return json(200, { status: 'ready' });
  return json(503, { status: away.length === 0 ? 'draining' : 'unavailable', away });
}

function isLocal({ remote, header }: Asked): boolean {
  const host = remote.host.replace(/^::ffff:/i, '');
  const isLoopback = host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
  return isLoopback && PROXY_HEADERS.every((name) => header(name) === null);
}

function json(status: number, value: object): HttpResponse {
  return said(status, 'application/json', JSON.stringify(value));
}

function said(status: number, contentType: string, text: string): HttpResponse {
  return {
    status,
    headers: { 'content-type': contentType, 'cache-control': 'no-store' },
    body: encodeUtf8(text),
  };
}
