/** The part of a node that carries messages from one of its jobs to another. */

import type { Logger } from '../../app/message.ts';
import { Bridge, type BridgeStatus } from '../bridges/bridge.ts';
import { LoopGuard } from '../bridges/loop-guard.ts';
import { openTarget, type Target } from '../bridges/targets.ts';
import { TopicSource } from '../bridges/topic-source.ts';
import { type WebhookPath, WebhookSource } from '../bridges/webhook-source.ts';
import type { NodeConfig } from '../config.ts';
import type { Node } from '../node.ts';
import type { PartPlan, Started } from '../slot.ts';
import { readSecret } from './sessions.ts';

/** The bridges that are up. */
export interface Bridges {
  readonly status: readonly BridgeStatus[];
}

interface BridgesPartOptions {
  readonly node: Node;
  readonly log: Logger;
}

export function bridgesPart(options: BridgesPartOptions): PartPlan<Bridges> {
  return {
    name: 'bridges',
    settings: ({ bridges }) => (bridges.length === 0 ? null : bridges),
    start: (config) => start(config, options),
  };
}

async function start({ bridges }: NodeConfig, { node, log }: BridgesPartOptions): Promise<Started<Bridges>> {
  const guard = new LoopGuard();
  const stopping = new AbortController();
  const targets: Target[] = [];
  const built = bridges.map((config) => {
    const target = openTarget(config, node, guard);
    targets.push(target);
    return new Bridge({ config, target, guard, log, signal: stopping.signal });
  });
  const closing = new AsyncDisposableStack();
  for (const target of targets) closing.defer(() => target.close());
  closing.defer(() => stopping.abort());
  try {
    const webhooks = await startWebhooks(built, closing);
    const topics = await TopicSource.start(built, node);
    closing.defer(() => topics.close());
    closing.defer(
      node.take(
        (message) => built.find((bridge) => bridge.takesFromLan(message))?.carry(message) ?? null,
        'first',
      ),
    );
    return {
      handle: {
        get status() {
          return built.map(({ status }) => status);
        },
      },
      addresses: webhooks.map(({ address }) => address),
      close: () => closing.disposeAsync(),
    };
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

/** Bridges that begin at the same address share it. */
async function startWebhooks(
  bridges: readonly Bridge[],
  closing: AsyncDisposableStack,
): Promise<readonly WebhookSource[]> {
  const places = new Map<string, Map<string, WebhookPath>>();
  for (const bridge of bridges) {
    const { source } = bridge;
    if (!('webhook' in source)) continue;
    const paths = places.get(source.listen) ?? new Map<string, WebhookPath>();
    places.set(
      source.listen,
      paths.set(source.webhook, { bridge, secret: await readSecret(source.secretFile) }),
    );
  }
  const sources: WebhookSource[] = [];
  for (const [listen, paths] of places) {
    const source = await WebhookSource.start(listen, paths);
    closing.defer(() => source.close());
    sources.push(source);
  }
  return sources;
}
