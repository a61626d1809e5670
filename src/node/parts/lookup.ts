/** The part of a node that answers from files; a query that begins with a slash is a route of the app. */

import { readLegacyKey, readLegacyPublicKey } from '../../lookup/legacy/keys.ts';
import type { DoorOptions } from '../../lookup/options.ts';
import { LookupServer } from '../../lookup/server.ts';
import type { NodeConfig } from '../config.ts';
import { SAMPLE, writeSample } from '../demo.ts';
import type { LookupSection } from '../sections.ts';
import type { PartPlan, Started } from '../slot.ts';
import { type PartContext, said } from './context.ts';
import { keysOf } from './request.ts';

export function lookupPart(context: PartContext): PartPlan<LookupServer> {
  return {
    name: 'lookup',
    settings: ({ lookup, data }) => (lookup === false ? null : { ...lookup, data }),
    start: (config) => start(config, context),
  };
}

async function start(
  { lookup, data }: NodeConfig,
  { app, keys, log }: PartContext,
): Promise<Started<LookupServer>> {
  const { files, allow, schemes, host, port, write, legacyKeys } = lookup as LookupSection;
  const server = await LookupServer.start({
    ...{ host, port, schemes, identity: keys.identities, log, app },
    allow: keys.revoked.refusing(allow === undefined ? () => true : keysOf(allow, 'lookup.allow')),
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

async function readKeys({
  query,
  reply,
}: NonNullable<LookupSection['legacyKeys']>): Promise<NonNullable<DoorOptions['legacyKeys']>> {
  return {
    query: await readLegacyKey(query),
    ...(reply === undefined ? {} : { reply: await readLegacyPublicKey(reply) }),
  };
}
