/** The part of a node that answers from files; a query that begins with a slash is a route of the app. */

import type { Dispatcher } from '../../app/app.ts';
import { readLegacyKey, readLegacyPublicKey } from '../../lookup/legacy/keys.ts';
import type { DoorOptions } from '../../lookup/options.ts';
import { LookupServer } from '../../lookup/server.ts';
import type { NodeConfig } from '../config.ts';
import { SAMPLE, writeSample } from '../demo.ts';
import type { Front } from '../front.ts';
import type { LookupSection } from '../sections.ts';
import type { PartPlan, Started } from '../slot.ts';
import type { Traffic } from '../traffic.ts';
import { type PartContext, said } from './context.ts';
import { allowedBy } from './live-allow.ts';

export interface LookupPartOptions extends PartContext {
  /** What every door leads to, where nobody looks on: queries are looked at as they come. */
  readonly front: Front;
  readonly traffic: Traffic;
}

export function lookupPart(context: LookupPartOptions): PartPlan<LookupServer> {
  return {
    name: 'lookup',
    settings: (config) =>
      config.lookup === false
        ? null
        : { ...config.lookup, data: config.data, reachesApp: reachesApp(config) },
    start: (config) => start(config, context),
  };
}

async function start(config: NodeConfig, context: LookupPartOptions): Promise<Started<LookupServer>> {
  const { lookup, data } = config;
  const { front, keys, log } = context;
  const { files, schemes, host, port, write, legacyKeys } = lookup as LookupSection;
  const server = await LookupServer.start({
    ...{ host, port, schemes, identity: keys.identities, log },
    ...(reachesApp(config) ? { app: front } : {}),
    observe: (lookup) => observed(front.guarding(lookup), context.traffic),
    allow: keys.revoked.refusing(allowedBy(lookup as LookupSection)),
    files: files ?? { [await writeSample(data)]: SAMPLE.key },
    ...said({ write }),
    ...(legacyKeys === undefined ? {} : { legacyKeys: await readKeys(legacyKeys) }),
  });
  const place = `${server.address}`;
  return {
    handle: server,
    addresses: [`udp://${place}`, `tcp://${place}`],
    close: () => server.close(),
  };
}

/** Whom requests are kept from, queries are kept from too, unless it is said who may ask them; and unsealed, nobody says. */
function reachesApp({ request, lookup }: NodeConfig): boolean {
  const { allow, schemes } = lookup as LookupSection;
  if (allow !== undefined) return schemes.every((scheme) => scheme === 'sealed');
  return request === false || request.allow === undefined;
}

/** Whoever waits for a row to change is no message that takes long. */
function observed(lookup: Dispatcher, traffic: Traffic): Dispatcher {
  const watched = traffic.watch(lookup);
  return {
    ...watched,
    dispatch: (message) => (message.route === '/lookup/watch' ? lookup : watched).dispatch(message),
  };
}

async function readKeys({
  query,
  reply,
}: NonNullable<LookupSection['legacyKeys']>): Promise<NonNullable<DoorOptions['legacyKeys']>> {
  return {
    query: await readLegacyKey(query),
    ...(reply === undefined ? {} : { reply: await readLegacyPublicKey(reply) }),
  };
}
