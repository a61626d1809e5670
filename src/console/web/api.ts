/** What can be asked of the node, and told to it: every endpoint of the contract, as a function. */

import type {
  BridgesView,
  ChatView,
  ConfigView,
  DeliveriesPage,
  KeysView,
  LimitsView,
  LookupView,
  NodeView,
  PeersView,
  ReloadView,
  Series,
  SessionsView,
  TopicsView,
  TrafficPage,
  TryReply,
  TryRequest,
} from '../contract.ts';
import { ask, change, type Outcome } from './http.ts';

type Answer<T> = Promise<Outcome<T>>;
type Done = Answer<unknown>;

export interface DeliveryFilter {
  readonly status: string;
  readonly topic: string;
  readonly before?: number;
}
export type PeerAction = 'trust' | 'untrust' | 'block' | 'unblock' | 'accept' | 'forget';
export type ChatTarget = { readonly room: string } | { readonly peer: string };

export const fetchNode = (): Answer<NodeView> => ask('/api/node');
export const fetchSeries = (): Answer<Series> => ask('/api/series');
export const fetchTraffic = (before?: number, limit = 100): Answer<TrafficPage> =>
  ask('/api/traffic', { before, limit });
export const tryIt = (request: TryRequest): Answer<TryReply> => change('POST', '/api/try', request);

export const fetchTopics = (): Answer<TopicsView> => ask('/api/topics');
export const fetchDeliveries = ({ status, topic, before }: DeliveryFilter): Answer<DeliveriesPage> =>
  ask('/api/deliveries', { status, topic, before, limit: 50 });
export const watchTopics = (glob: string): Done => change('POST', '/api/topics/watch', { glob });
export const unwatchTopics = (glob: string): Done => change('POST', '/api/topics/unwatch', { glob });

export const fetchPeers = (): Answer<PeersView> => ask('/api/peers');
export const actOnPeer = (id: string, action: PeerAction): Done =>
  change('POST', `/api/peers/${encodeURIComponent(id)}/${action}`);

export const fetchChat = (): Answer<ChatView> => ask('/api/chat');
export const say = (target: ChatTarget, text: string): Done =>
  change('POST', '/api/chat', { ...target, text });
export const joinRoom = (name: string): Done => change('POST', '/api/chat/rooms', { name });

export const fetchLookup = (): Answer<LookupView> => ask('/api/lookup');
export const complete = (file: string, prefix: string): Answer<{ readonly keys: readonly string[] }> =>
  ask('/api/lookup/complete', { file, prefix });
export const lookUp = (text: string): Answer<TryReply> => change('POST', '/api/lookup/query', { text });

export const fetchSessions = (): Answer<SessionsView> => ask('/api/sessions');
export const closeSession = (id: string): Done =>
  change('POST', `/api/sessions/${encodeURIComponent(id)}/close`);
export const pushToSession = (id: string, route: string, body: string): Done =>
  change('POST', `/api/sessions/${encodeURIComponent(id)}/push`, { route, body });

export const fetchKeys = (): Answer<KeysView> => ask('/api/keys');
export const createKey = (name: string): Done => change('POST', '/api/keys', { name });
export const rotateKey = (overlapDays: number): Done => change('POST', '/api/keys/rotate', { overlapDays });

export const fetchLimits = (): Answer<LimitsView> => ask('/api/limits');
export const fetchConfig = (): Answer<ConfigView> => ask('/api/config');
export const saveConfig = (text: string): Answer<ReloadView> => change('PUT', '/api/config', { text });
export const fetchBridges = (): Answer<BridgesView> => ask('/api/bridges');
/** Ends the console in every browser. */
export const leave = (): Done => change('POST', '/api/leave');
