/** What the node tells by itself: one stream of events for the whole page, opened again whenever it is cut. */

import type { ConsoleEvent, Topic } from '../contract.ts';
import { fetchNode } from './api.ts';
import { lockedOut } from './http.ts';
import { Store } from './store.ts';

export type Connection = 'connecting' | 'live' | 'lost';
type Listener = (event: ConsoleEvent) => void;

const TYPES: readonly ConsoleEvent['type'][] = ['traffic', 'second', 'chat', 'topic', 'changed'];
const ALL: readonly Topic[] = [
  ...(['node', 'topics', 'deliveries', 'peers', 'lookup'] as const),
  ...(['sessions', 'keys', 'limits', 'bridges'] as const),
];
/** Between two tries, ms. */
const RETRY = { first: 500, most: 10_000 };

export const connection: Store<Connection> = new Store<Connection>('connecting');
const listeners = new Map<ConsoleEvent['type'], Set<Listener>>(TYPES.map((type) => [type, new Set()]));
const openers = new Set<() => void>();

/** @returns what ends it. */
export function on<Type extends ConsoleEvent['type']>(
  type: Type,
  listener: (event: Extract<ConsoleEvent, { type: Type }>) => void,
): () => void {
  const entry = listener as Listener;
  listeners.get(type)?.add(entry);
  return () => void listeners.get(type)?.delete(entry);
}

/** Whenever the stream is open, for the first time or again: what was missed has to be fetched. @returns what ends it. */
export function onOpen(listener: () => void): () => void {
  openers.add(listener);
  if (connection.value === 'live') listener();
  return () => void openers.delete(listener);
}

export function openEvents(wait: number = RETRY.first): void {
  const source = new EventSource('/api/events');
  source.onopen = () => opened();
  source.onerror = () => {
    source.close();
    connection.set('lost');
    void retry(wait);
  };
  for (const type of TYPES) {
    source.addEventListener(type, ({ data }: MessageEvent<string>) => {
      tell({ ...(JSON.parse(data) as object), type } as ConsoleEvent);
    });
  }
}

function opened(): void {
  const wasLost = connection.value === 'lost';
  connection.set('live');
  for (const listener of openers) listener();
  if (wasLost) tell({ type: 'changed', what: ALL });
}

function tell(event: ConsoleEvent): void {
  for (const listener of listeners.get(event.type) ?? []) listener(event);
}

/** An `EventSource` does not say why it failed: a question does, and finds out whether this browser is still let in. */
async function retry(wait: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, wait));
  const { ok } = await fetchNode();
  if (lockedOut.value) return;
  if (ok) openEvents();
  else void retry(Math.min(wait * 2, RETRY.most));
}
