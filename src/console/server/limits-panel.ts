/** Limits as they are in force, what was dropped or refused because of them, and what the log warns of. */

import type { NodeConfig } from '../../node/config.ts';
import { said } from '../../node/parts/context.ts';
import { LIMITS as BROADCASTER_LIMITS, type BroadcasterLimits } from '../../pubsub/options.ts';
import { resolveLimits, type SealedLimits } from '../../sealed/options.ts';
import type { LimitsView, PartName } from '../contract.ts';
import type { ConsoleNode, ConsoleOptions } from '../options.ts';
import type { Panel } from './desk.ts';

type Limit = LimitsView['limits'][number];
type Said = readonly [unit: string, meaning: string];

const SEALED: Readonly<Record<keyof SealedLimits, Said>> = {
  maxPacket: ['bytes', 'the longest packet by a stream'],
  maxDatagram: ['bytes', 'the longest datagram'],
  maxConnections: ['connections', 'open at a time'],
  maxConnectionsPerHost: ['connections', 'open at a time from one host'],
  maxInFlightPerConnection: ['requests', 'being answered at a time on one connection'],
  idleTimeout: ['ms', 'after which a quiet connection is closed'],
  packetTimeout: ['ms', 'in which a packet that has begun must be there'],
  slowest: ['bytes/ms', 'at which a long packet has more time than that'],
  rate: ['packets a second', 'from one host'],
  burst: ['packets', 'from one host at once'],
  maxInFlight: ['requests', 'being answered at a time, in all'],
  replyFactor: ['times', 'as long as its request a datagram to an unproven address may be'],
};

const BROADCASTER: Readonly<Record<keyof BroadcasterLimits, Said>> = {
  maxMessage: ['bytes', 'of one message'],
  spoolSize: ['bytes', 'above which a message goes to disk while it is delivered'],
  maxSubscriptionsPerUrl: ['subscriptions', 'of one url'],
  maxGlob: ['bytes', 'of one glob'],
  maxPatternBytesPerUrl: ['bytes', 'of all patterns of one url'],
  maxDeliveries: ['deliveries', 'under way at a time'],
  maxDeliveriesPerUrl: ['deliveries', 'under way at a time to one url'],
  maxDeliveriesPerHost: ['deliveries', 'under way at a time to one host'],
  maxWaitingPerUrl: ['deliveries', 'that wait for one url; it has missed more'],
  deliveryTimeout: ['ms', 'for one delivery while nothing of it moves'],
  maxConnections: ['connections', 'open at a time'],
  maxConnectionsPerHost: ['connections', 'open at a time from one host'],
  idleTimeout: ['ms', 'after which a quiet connection is closed'],
};

const SESSIONS = {
  maxSessions: ['sessions', 'at a time'],
  resumeWithin: ['ms', 'in which a client may come back to its session'],
  idleTimeout: ['ms', 'after which a session in which nothing happens is ended'],
} as const;

/** What is no reason to drop or refuse anything. */
const ALL_WELL =
  /^(received|answered|sent|repeated|status_200|file_|row_written|row_recovered|delivery_(received|posted)|missed_announced|websocket_opened|serving_|rekeyed|pushed|joined|widened|notification_)/;

export const limitsPanel: Panel = (app, { node, options }) => {
  app.get('/api/limits', (c) => c.json(limitsView(node, options.log)));
};

function limitsView(node: ConsoleNode, log: ConsoleOptions['log']): LimitsView {
  const counters = Object.entries(countersOf(node)).flatMap(([part, counts]) =>
    Object.entries(counts)
      .filter(([name]) => !ALL_WELL.test(name))
      .map(([name, count]) => ({ part: part as PartName, name, count })),
  );
  return { limits: limitsOf(node.config), counters, log: log.lines };
}

/** Of the parts that run. */
export function countersOf({
  running,
}: ConsoleNode): Partial<Record<PartName, Readonly<Record<string, number>>>> {
  const { request, lookup, broadcaster, sessions, peers } = running;
  return {
    request: request?.counters ?? {},
    lookup: lookup?.status.counters ?? {},
    broadcaster: broadcaster?.server.counters ?? {},
    sessions: sessions?.counters ?? {},
    peers: peers?.counters ?? {},
  };
}

function limitsOf({ request, lookup, broadcaster, sessions }: NodeConfig): Limit[] {
  const { maxSessions, resumeWithin, idleTimeout } = sessions || {};
  return [
    ...(request === false ? [] : table('request', SEALED, requestLimits(request))),
    ...(lookup === false ? [] : table('lookup', SEALED, resolveLimits({}))),
    ...(broadcaster === false ? [] : table('broadcaster', BROADCASTER, BROADCASTER_LIMITS)),
    ...table('sessions', SESSIONS, said({ maxSessions, resumeWithin, idleTimeout })),
  ];
}

function requestLimits({ limits, maxDatagram }: Exclude<NodeConfig['request'], false>): SealedLimits {
  return resolveLimits({
    limits: said(limits ?? {}) as Partial<SealedLimits>,
    ...(maxDatagram === undefined ? {} : { maxDatagram }),
  });
}

/** Those of the names that have a value. */
function table<Name extends string>(
  part: PartName,
  names: Readonly<Record<Name, Said>>,
  values: Readonly<Partial<Record<Name, number>>>,
): Limit[] {
  return Object.entries<Said>(names).flatMap(([name, [unit, meaning]]) => {
    const value = values[name as Name];
    return value === undefined ? [] : [{ part, name, value, unit, meaning }];
  });
}
