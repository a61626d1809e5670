/** What has changed among that which tells nobody by itself: looked at while somebody looks on. */

import type { Topic } from '../contract.ts';
import type { ConsoleNode, ConsoleOptions } from '../options.ts';
import { countersOf } from './limits-panel.ts';

/** @returns what has changed since it was called before. */
export function looking(node: ConsoleNode, options: ConsoleOptions): () => readonly Topic[] {
  const seen = new Map<Topic, string>();
  return () => {
    const changed: Topic[] = [];
    for (const [topic, state] of statesOf(node, options)) {
      if (seen.get(topic) !== state) changed.push(topic);
      seen.set(topic, state);
    }
    return changed;
  };
}

/** Short texts which are others when something is another. */
function statesOf(node: ConsoleNode, { log }: ConsoleOptions): readonly (readonly [Topic, string])[] {
  const { broadcaster, lookup, bridges } = node.running;
  const counters = countersOf(node);
  const lines = log.lines.at(-1);
  const states: readonly (readonly [Topic, unknown])[] = [
    ['topics', [broadcaster?.server.subscriptions, broadcaster?.server.webSockets, counters.broadcaster]],
    ['deliveries', broadcaster?.deliveries?.counts.written],
    ['lookup', lookup?.status],
    ['limits', [counters, lines?.at, lines?.text]],
    ['bridges', bridges?.status],
  ];
  return states.map(([topic, state]) => [topic, JSON.stringify(state) ?? ''] as const);
}
