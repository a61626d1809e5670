/**
 * What the page and the node say to each other: JSON below `/api/`, and one stream of server-sent events. Pages import
 * these types and nothing else of the node.
 *
 * Every answer that is no success is a {@link Problem} with its HTTP status. What changes something is a POST, PUT or
 * DELETE with `content-type: application/json` and the header `x-sotto-console: 1`, which no foreign page can send.
 *
 * Who has not come in by a link gets 401 from everything below `/api/`: the page then says that `sotto console` prints a
 * fresh link. The page behind that link, `/enter#TOKEN`, is the server's own; it posts the token to `/api/enter` and goes on
 * to `/`. `POST /api/leave` ends it in every browser: 204. Where there is nothing to say, answers are 204 without a body.
 *
 * `equivalents.ts` beside this file says which command, and which program, does what a form does.
 *
 * The page is served from `dist/console/page/`: `dist/console/` itself has the compiled server, which a build of the page
 * must not sweep away.
 */

import type { BridgeStatus } from '../node/bridges/bridge.ts';
import type { ChatLine } from '../node/chat.ts';
import type { LogLine } from '../node/log-tail.ts';
import type { PartName, PartStatus } from '../node/part.ts';
import type { TrafficRecord, TrafficSecond } from '../node/traffic.ts';

export type { BridgeStatus } from '../node/bridges/bridge.ts';
export type { ChatLine } from '../node/chat.ts';
export type { LogLine } from '../node/log-tail.ts';
export type { PartName, PartState, PartStatus } from '../node/part.ts';
export type { TrafficRecord, TrafficSample, TrafficSecond } from '../node/traffic.ts';

export interface Problem {
  readonly code: string;
  /** A whole sentence, for people. */
  readonly text: string;
}

/** `GET /api/node` */
export interface NodeView {
  readonly version: string;
  readonly nodeVersion: string;
  readonly platform: string;
  readonly startedAt: number;
  /** What it calls itself on the LAN: `user@hostname`. */
  readonly name: string;
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly words: string;
  readonly parts: readonly PartStatus[];
  /** The demo app, or the module that is served. */
  readonly app: string;
  /** Routes as they were declared: `/where/:thing`. */
  readonly routes: readonly string[];
  readonly data: string;
  /** The file of its key, as its config has it. */
  readonly identity: string;
  /** The secrets file that subscribers of its broadcaster need; null for none. */
  readonly topicsAuth: string | null;
  readonly memory: { readonly rss: number; readonly heapUsed: number };
}

/** `GET /api/traffic?before=ID&limit=100`: the newest first. `GET /api/series`: the last 15 minutes, oldest first. */
export interface TrafficPage {
  readonly records: readonly TrafficRecord[];
  /** `before` of the next page; null at the end. */
  readonly next: number | null;
}
export interface Series {
  readonly seconds: readonly TrafficSecond[];
}

/** Roads of `POST /api/try`. */
export type TryRequest = {
  /** Proves the node's own key, or nothing. */
  readonly as: 'node' | 'anonymous';
} & (
  | {
      readonly job: 'request';
      readonly url: string;
      readonly route: string;
      /** JSON where it is JSON, else text; empty for none. So it is with every body of this type. */
      readonly body: string;
      readonly once?: boolean;
      /** Whom to ask. Default this node itself. */
      readonly serverKey?: string;
    }
  | {
      readonly job: 'session';
      readonly url: string;
      readonly route: string;
      readonly body: string;
      readonly serverKey?: string;
    }
  | { readonly job: 'peers'; readonly peer: string; readonly route: string; readonly body: string }
  /** To everybody on the LAN. */
  | { readonly job: 'broadcast'; readonly route: string; readonly body: string }
  | { readonly job: 'pubsub'; readonly topic: string; readonly body: string }
  /** This node's own. */
  | { readonly job: 'lookup'; readonly query: string; readonly tcp?: boolean }
);

/** What was asked wrongly is a 4xx with a Problem instead. */
export interface TryReply {
  readonly ok: boolean;
  /** 0 for an answer; else an HTTP status number: the handler's, 502 where nobody was reached, 504 where nobody answered. */
  readonly status: number;
  /** As text; JSON is indented. */
  readonly value: string;
  /** From the question to the answer, ms. */
  readonly duration: number;
}

/** `GET /api/topics` */
export interface TopicsView {
  readonly subscriptions: readonly SubscriptionView[];
  /** How many there are; `subscriptions` has the first 500. */
  readonly total: number;
  readonly webSockets: number;
  readonly missedWaiting: number;
  readonly counters: Readonly<Record<string, number>>;
  /** What the page itself listens to: globs. */
  readonly watched: readonly string[];
}
export interface SubscriptionView {
  /** Null for one of a WebSocket. */
  readonly url: string | null;
  readonly kind: 'exact' | 'glob';
  readonly pattern: string;
  /** Where missed messages are announced; null for nowhere. */
  readonly recovery: string | null;
}

/** `GET /api/deliveries?status=&topic=&before=&limit=` */
export interface DeliveriesPage {
  readonly deliveries: readonly DeliveryView[];
  readonly next: number | null;
}
export interface DeliveryView {
  readonly id: number;
  readonly at: number;
  readonly topic: string;
  readonly url: string;
  readonly status: string;
  readonly tries: number;
  readonly why: string;
  readonly duration: number;
  readonly bytes: number;
}
/** `POST /api/topics/watch {glob}`, `POST /api/topics/unwatch {glob}`: messages come as events `topic`. */
export interface TopicMessage {
  readonly at: number;
  readonly topic: string;
  readonly body: string;
  readonly bytes: number;
}

/** `GET /api/peers`. `POST /api/peers/ID/{trust,untrust,block,unblock,accept,forget}` */
export interface PeersView {
  readonly self: {
    readonly name: string;
    readonly words: string;
    readonly id: string;
    readonly port: number;
  };
  readonly isGroupSealed: boolean;
  readonly peers: readonly PeerView[];
  /** Keys that were met, but are not there now. */
  readonly known: readonly KnownPeer[];
  /** What happened lately, newest last, as sentences. */
  readonly events: readonly { readonly at: number; readonly isWarning: boolean; readonly text: string }[];
}
export interface PeerView {
  /** Null for an original of STP, which proves nothing. */
  readonly id: string | null;
  readonly name: string;
  readonly words: string;
  readonly isVerified: boolean;
  readonly isTrusted: boolean;
  /** Its pinned key is another: a person has to decide. */
  readonly replaces: string | null;
  readonly addresses: readonly string[];
  readonly lastHeard: number;
}
export interface KnownPeer {
  readonly id: string;
  readonly name: string;
  readonly isTrusted: boolean;
  readonly isBlocked: boolean;
}

/** `GET /api/chat`. `POST /api/chat {room, text}` or `{peer, text}`; `POST /api/chat/rooms {name}` */
export interface ChatView {
  readonly rooms: readonly string[];
  readonly lines: readonly ChatLine[];
}
/** `GET /api/lookup`. `GET /api/lookup/complete?file=&prefix=`: `{ keys: string[] }`. `POST /api/lookup/query {text}`: a TryReply */
export interface LookupView {
  readonly files: readonly LookupFile[];
  readonly watches: number;
  readonly counters: Readonly<Record<string, number>>;
}
export interface LookupFile {
  readonly name: string;
  readonly path: string;
  readonly state: string;
  readonly rows: number;
  readonly bytes: number;
  readonly changedAt: number | null;
  /** Why the last change was not taken, a sentence; empty otherwise. */
  readonly problem: string;
}

/** `GET /api/sessions`. `POST /api/sessions/ID/close`, `POST /api/sessions/ID/push {route, body}` */
export interface SessionsView {
  readonly sessions: readonly SessionView[];
  readonly counters: Readonly<Record<string, number>>;
}
export interface SessionView {
  readonly id: string;
  readonly key: string | null;
  readonly remote: string;
  readonly transport: string;
  readonly isConnected: boolean;
  readonly since: number;
  readonly rooms: readonly string[];
}

/** `GET /api/keys`. `POST /api/keys {name}` makes one; `POST /api/keys/rotate {overlapDays}` gives the node a new one. */
export interface KeysView {
  readonly keys: readonly KeyView[];
  /** Files that lie among the keys and are none, or are open to others; why, a sentence. */
  readonly unusable: readonly { readonly file: string; readonly why: string }[];
}
export interface KeyView {
  readonly name: string;
  readonly file: string;
  /** The node's own, one of its previous ones, or one made for somebody else. */
  readonly role: 'node' | 'previous' | 'other';
  readonly publicKey: string;
  readonly words: string;
  /** Until when a previous one is accepted, ms since 1970; null for the others. */
  readonly until: number | null;
  /** The public key as a picture: the modules of a QR code, row by row. */
  readonly qr: readonly (readonly boolean[])[];
}

/** `GET /api/limits` */
export interface LimitsView {
  readonly limits: readonly {
    readonly part: PartName;
    readonly name: string;
    readonly value: number;
    readonly unit: string;
    readonly meaning: string;
  }[];
  /** What was dropped or refused, and why, since the start. */
  readonly counters: readonly { readonly part: PartName; readonly name: string; readonly count: number }[];
  /** Warnings and errors of the log, newest last. */
  readonly log: readonly LogLine[];
}

/** `GET /api/config`; `PUT /api/config {text}` checks, writes and applies it: a {@link ReloadView}, or 422 with a Problem. */
export interface ConfigView {
  readonly file: string;
  readonly text: string;
  /** JSON Schema. */
  readonly schema: unknown;
}
export interface ReloadView {
  readonly restarted: readonly PartName[];
  readonly applied: readonly PartName[];
  readonly failed: readonly { readonly part: PartName; readonly why: string }[];
}

/** `GET /api/bridges` */
export interface BridgesView {
  readonly bridges: readonly BridgeStatus[];
}

/** What may have changed; the page fetches it again. */
export type Topic =
  | 'node'
  | 'topics'
  | 'deliveries'
  | 'peers'
  | 'chat'
  | 'lookup'
  | 'sessions'
  | 'keys'
  | 'limits'
  | 'config'
  | 'bridges';

/** `GET /api/events`: server-sent events whose name is `type` and whose data is the JSON of the rest. */
export type ConsoleEvent =
  /** Several times a second at the most. */
  | { readonly type: 'traffic'; readonly records: readonly TrafficRecord[]; readonly skipped: number }
  | { readonly type: 'second'; readonly second: TrafficSecond }
  | { readonly type: 'chat'; readonly line: ChatLine }
  /** `skipped` were left out before this one. */
  | { readonly type: 'topic'; readonly message: TopicMessage; readonly skipped: number }
  | { readonly type: 'changed'; readonly what: readonly Topic[] };
