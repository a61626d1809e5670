/** The part of a node that finds and talks to peers of the LAN. */

import { groupSecretsIn } from '../../envelope/group.ts';
import { PeerNode } from '../../peers/node.ts';
import type { FileOptions } from '../../peers/options.ts';
import type { NodeConfig } from '../config.ts';
import { privateFile } from '../data-folder.ts';
import { loginName } from '../login.ts';
import type { PeersSection } from '../sections.ts';
import type { PartPlan, Started } from '../slot.ts';
import { type PartContext, said } from './context.ts';
import { readSecret } from './sessions.ts';

export function peersPart(context: PartContext): PartPlan<PeerNode> {
  return {
    name: 'peers',
    settings: ({ peers, data }) => (peers === false ? null : { ...peers, data }),
    start: (config) => start(config, context),
  };
}

async function start(
  { peers, data }: NodeConfig,
  { app, keys, log }: PartContext,
): Promise<Started<PeerNode>> {
  const section = peers as PeersSection;
  const { user = loginName(), hostname, group, udpPort, tcpPort, interfaces } = section;
  const { staticPeers, hidden, legacy, dnsSd, groupSecretFile } = section;
  let running: PeerNode | null = null;
  const node = await PeerNode.start(app, {
    ...{ identity: keys.identities, revoked: keys.revoked },
    ...{ user, staticPeers, hidden, legacy, dnsSd, log },
    ...said({ hostname, group, udpPort, tcpPort, interfaces }),
    ...(groupSecretFile === undefined
      ? {}
      : { groupSecret: groupSecretsIn(await readSecret(groupSecretFile)) }),
    pinFile: `${data}/peers.json`,
    outboxFile: await privateFile(`${data}/outbox.db`),
    files: filesOf(section, data, (id) => running?.pins.get(id)?.isTrusted ?? false),
  });
  running = node;
  return {
    handle: node,
    holdsKeys: true,
    addresses: [`stp://${group ?? 'LAN'}:${node.port}`],
    close: () => node.close(),
  };
}

type Offer = Parameters<NonNullable<FileOptions['onOffer']>>[0];

function filesOf(
  { accept, downloads }: PeersSection,
  data: string,
  isTrusted: (id: Offer['from']) => boolean,
): FileOptions {
  return {
    folder: downloads ?? `${data}/downloads`,
    onOffer: ({ from }) => accept === 'all' || (accept === 'trusted' && isTrusted(from)),
  };
}
