/** Whether the addresses of a config can be had; and where they are taken, whether the node answers there. */

import { createSocket } from 'node:dgram';
import { createServer, isIPv6 } from 'node:net';
import { messageOf, StatusError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { hasCode } from '../../platform/node/files.ts';
import { RequestClient } from '../../request/client.ts';
import { formatUrl, parseUrl, type RoadUrl } from '../../transport/url.ts';
import type { PlannedRoad } from '../plan.ts';
import type { BindOutcome, RoadFacts } from './judge-roads.ts';
import { portHolders } from './port-holders.ts';

/** No app has it, and a sealed "not found" is an answer too. */
const ROUTE = '/sotto/doctor';
const TIMEOUT = 1500;
/** A reply is no longer than its question, bytes. */
const ROOM = 256;

type Protocol = RoadFacts['protocol'];
/** A port that several roads share is tried once, or they would be in each other's way. */
type Bind = (protocol: Protocol, url: RoadUrl) => Promise<BindOutcome>;

/** Who asks: the node's own key; `null` where it cannot be had, `none` where there is none, so that no node has it. */
export type Asker = Identity | 'none' | null;

export function gatherRoads(roads: readonly PlannedRoad[], asker: Asker): Promise<RoadFacts[]> {
  const tried = new Map<string, Promise<BindOutcome>>();
  const bind: Bind = (protocol, url) => {
    const name = `${protocol} ${url.host} ${url.port}`;
    const outcome = tried.get(name) ?? tryToBind(protocol, url);
    tried.set(name, outcome);
    return outcome;
  };
  return Promise.all(roads.map((road) => gatherRoad(road, asker, bind)));
}

async function gatherRoad(
  { url: text, answers }: PlannedRoad,
  asker: Asker,
  tryOnce: Bind,
): Promise<RoadFacts> {
  let url: RoadUrl;
  try {
    url = parseUrl(text);
  } catch (error) {
    return {
      url: text,
      protocol: 'tcp',
      port: 0,
      bind: { failed: messageOf(error) },
      holders: [],
      answer: null,
    };
  }
  const protocol = url.scheme === 'udp' ? 'udp' : 'tcp';
  const bind = url.port === 0 ? 'free' : await tryOnce(protocol, url);
  const isTaken = bind === 'taken';
  const [holders, answer] = await Promise.all([
    isTaken ? portHolders(protocol, url.port) : [],
    isTaken ? ask(url, answers, asker) : null,
  ]);
  return { url: text, protocol, port: url.port, bind, holders, answer };
}

function tryToBind(protocol: Protocol, { host, port }: RoadUrl): Promise<BindOutcome> {
  return new Promise((resolve) => {
    if (protocol === 'udp') {
      const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
      socket.once('error', (error) => socket.close(() => resolve(outcomeOf(error))));
      socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve('free')));
    } else {
      const server = createServer();
      server.once('error', (error) => resolve(outcomeOf(error)));
      server.listen({ port, host, exclusive: true }, () => server.close(() => resolve('free')));
    }
  });
}

function outcomeOf(error: Error): BindOutcome {
  if (hasCode(error, 'EADDRINUSE')) return 'taken';
  if (hasCode(error, 'EACCES') || hasCode(error, 'EPERM')) return 'denied';
  return hasCode(error, 'EADDRNOTAVAIL') ? 'no-address' : { failed: `${error.message}.` };
}

/** As this node itself: only who has its key can answer. */
async function ask(
  url: RoadUrl,
  answers: PlannedRoad['answers'],
  identity: Asker,
): Promise<RoadFacts['answer']> {
  if (identity === 'none') return 'none';
  if (identity === null || answers === null) return null;
  const serverKey = identity.publicKey.toString();
  if (answers !== 'everybody' && !answers.has(serverKey)) return null;
  const host = url.host === '0.0.0.0' ? '127.0.0.1' : url.host === '::' ? '::1' : url.host;
  await using client = await RequestClient.connect(formatUrl({ ...url, host }), {
    ...{ serverKey, identity, timeout: TIMEOUT, pad: ROOM },
  });
  return await client.request(ROUTE).then(
    () => 'own',
    (error: unknown) => (error instanceof StatusError ? 'own' : 'none'),
  );
}
