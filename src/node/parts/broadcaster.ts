/** The part of a node that takes notifications and delivers them; some topics go to the app too. */

import { type AuthConfig, noneAuth } from '../../pubsub/authorization/authorization.ts';
import { authFromFile } from '../../pubsub/authorization/config.ts';
import { Broadcaster } from '../../pubsub/broadcaster/broadcaster.ts';
import { SqliteDeliveryLog } from '../../pubsub/operations/sqlite-delivery-log.ts';
import { SqliteSubscriptionStore } from '../../pubsub/stores/sqlite.ts';
import { Subscriber } from '../../pubsub/subscriber/subscriber.ts';
import type { NodeConfig } from '../config.ts';
import { DEMO_TOPICS } from '../demo.ts';
import type { RunningBroadcaster } from '../node.ts';
import { reachable } from '../reachable.ts';
import type { BroadcasterSection } from '../sections.ts';
import type { PartPlan, Started } from '../slot.ts';
import { type PartContext, said } from './context.ts';

/** For an answer of the broadcaster beside it, ms. */
const TIMEOUT = 10_000;

export function broadcasterPart(context: PartContext): PartPlan<RunningBroadcaster> {
  return {
    name: 'broadcaster',
    settings: ({ broadcaster, data, app }) =>
      broadcaster === false ? null : { ...broadcaster, data, isDemo: app === undefined },
    start: (config) => start(config, context),
  };
}

async function start(config: NodeConfig, context: PartContext): Promise<Started<RunningBroadcaster>> {
  const { data } = config;
  const section = config.broadcaster as BroadcasterSection;
  const { listen, addresses, operations, verifyIntent, drainTime, allow, origins } = section;
  const auth = await authOf(section.auth);
  const [store, deliveries] = await openStores(section, data, context);
  const server = await Broadcaster.start({
    ...{ listen, store, addresses, operations, verifyIntent, drainTime, log: context.log },
    ...said({ allow, origins, auth }),
    ...(deliveries ? { deliveryLog: deliveries } : {}),
  });
  const own: SubscriptionOptions = {
    address: reachable(server.address),
    auth: section.subscriberAuth === undefined ? auth : await authOf(section.subscriberAuth),
    handle: section.handle ?? (config.app === undefined ? DEMO_TOPICS : []),
  };
  const handling = await subscribe(own, context).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  return {
    handle: { server, store, deliveries, auth: own.auth ?? noneAuth() },
    addresses: [server.address],
    async close() {
      await handling?.close();
      await server.close();
    },
  };
}

async function openStores(
  { store, deliveryLog }: BroadcasterSection,
  data: string,
  { log }: PartContext,
): Promise<[SqliteSubscriptionStore, SqliteDeliveryLog | null]> {
  const file = store?.slice('sqlite:'.length) ?? `${data}/subscriptions.db`;
  const subscriptions = new SqliteSubscriptionStore(file);
  if (!deliveryLog) return [subscriptions, null];
  return [subscriptions, await SqliteDeliveryLog.open(`${data}/deliveries.db`, { log })];
}

async function authOf(auth: string | undefined): Promise<AuthConfig | undefined> {
  if (auth === undefined) return undefined;
  return auth === 'none' ? noneAuth() : authFromFile(auth);
}

interface SubscriptionOptions {
  readonly address: string;
  readonly auth: AuthConfig | undefined;
  readonly handle: readonly string[];
}

/** A subscription like anybody's, so that the app hears of topics as every subscriber does. */
async function subscribe(
  { address, auth, handle }: SubscriptionOptions,
  { app, log }: PartContext,
): Promise<Subscriber | null> {
  if (handle.length === 0) return null;
  const options = {
    broadcasters: address,
    transport: 'websocket',
    timeout: TIMEOUT,
    log,
    ...said({ auth }),
  } as const;
  const subscriber = await Subscriber.connect(options);
  try {
    const subscription = await subscriber.subscribe({ glob: handle });
    subscription.attach(app, { log }).catch((error: unknown) => {
      log.error({ error }, 'topics are handed to the app no longer');
    });
    return subscriber;
  } catch (error) {
    await subscriber.close();
    throw error;
  }
}
