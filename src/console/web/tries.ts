/** The fields of the forms that try things, and the requests that they make. */

import type { NodeView, TryReply, TryRequest } from '../contract.ts';
import { addressOf, exampleRoute } from './first-tries.ts';
import { Store } from './store.ts';

export type TryJob = TryRequest['job'];

/** Of all forms at once, so that what was typed stays when another job is chosen. */
export interface TryFields {
  readonly job: TryJob;
  readonly as: 'node' | 'anonymous';
  readonly url: string;
  /** Empty for this node itself. */
  readonly serverKey: string;
  readonly route: string;
  readonly body: string;
  readonly once: boolean;
  readonly peer: string;
  readonly topic: string;
  readonly query: string;
  readonly tcp: boolean;
}

export interface Tried {
  readonly id: number;
  readonly at: number;
  readonly request: TryRequest;
  readonly reply: TryReply;
}

export const TRY_JOBS: readonly (readonly [job: TryJob, title: string])[] = [
  ['request', 'Request'],
  ['session', 'Session'],
  ['lookup', 'Lookup'],
  ['pubsub', 'Publish'],
  ['peers', 'Peer'],
  ['broadcast', 'Everybody'],
];

const KEPT = 20;

/** Newest first. */
export const history: Store<readonly Tried[]> = new Store<readonly Tried[]>([]);

export function remember(request: TryRequest, reply: TryReply): void {
  const id = (history.value[0]?.id ?? 0) + 1;
  history.set([{ id, at: Date.now(), request, reply }, ...history.value].slice(0, KEPT));
}

/** What the address says, and sensible values for the rest. */
export function fieldsOf(query: URLSearchParams, node: NodeView): TryFields {
  const job = TRY_JOBS.find(([name]) => name === query.get('job'))?.[0] ?? 'request';
  const transport = query.get('transport');
  return {
    job,
    as: query.get('as') === 'node' ? 'node' : 'anonymous',
    url: query.get('url') ?? defaultUrl(node, job, transport),
    serverKey: query.get('serverKey') ?? '',
    route: query.get('route') ?? exampleRoute(node.routes),
    body: query.get('body') ?? '',
    once: query.get('once') === 'true',
    peer: query.get('peer') ?? '',
    topic: query.get('topic') ?? 'orders/new',
    query: query.get('query') ?? '',
    tcp: query.get('tcp') === 'true',
  };
}

export function requestOf(fields: TryFields): TryRequest {
  const { job, as, route, body, url, serverKey } = fields;
  const server = serverKey === '' ? {} : { serverKey };
  switch (job) {
    case 'request':
      return { as, job, url, route, body, ...server, ...(fields.once ? { once: true } : {}) };
    case 'session':
      return { as, job, url, route, body, ...server };
    case 'peers':
      return { as: 'node', job, peer: fields.peer, route, body };
    case 'broadcast':
      return { as: 'node', job, route, body };
    case 'pubsub':
      return { as: 'node', job, topic: fields.topic, body };
    case 'lookup':
      return { as, job, query: fields.query, ...(fields.tcp ? { tcp: true } : {}) };
  }
}

/** Where this job listens on this node, by the transport that is wanted if there is one. */
export function defaultUrl(node: NodeView, job: TryJob, transport: string | null = null): string {
  const part = job === 'session' ? 'sessions' : 'request';
  return addressOf(node, part, transport) ?? addressOf(node, part) ?? '';
}
