/** The sections of `sotto.config.json`, one for each part of a node: types, defaults, and what is said of them in editors. */

import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { PublicKey } from '../keys/public-key.ts';
import type { SealedLimits } from '../sealed/options.ts';
import { topicGlob } from './topic-glob.ts';

/** Answers sealed requests that stand alone. */
export interface RequestSection {
  /** Default: UDP and TCP at 127.0.0.1:7878, HTTP and WebSocket at 127.0.0.1:7880. */
  readonly listen: string[];
  /** Default `routed`. */
  readonly payload: 'routed' | 'raw';
  /** Public keys that may ask. Default: everybody. */
  readonly allow?: string[] | undefined;
  /** Where `once` requests are remembered: `memory`, or `sqlite:FILE`. Default `once.db` in the data folder. */
  readonly onceStore?: 'memory' | `sqlite:${string}` | undefined;
  /** Bytes. Default 1232. */
  readonly maxDatagram?: number | undefined;
  /** Processes that share the ports. Default 1. */
  readonly workers: number;
  /** See {@link SealedLimits}. */
  readonly limits?: { readonly [Name in keyof SealedLimits]?: number | undefined } | undefined;
}

/** Answers from files. */
export interface LookupSection {
  /** Default 127.0.0.1. */
  readonly host: string;
  /** UDP and TCP. Default 9999. */
  readonly port: number;
  /** Each file, or pattern, with its key column: a name, a number, or null for whole JSON. Default: a sample. */
  readonly files?: Record<string, string | number | null> | undefined;
  /** Default `sealed` alone. */
  readonly schemes: ('sealed' | 'plain' | 'legacy-rsa')[];
  /** For `legacy-rsa`: files of the private query key and the public reply key. */
  readonly legacyKeys?: { readonly query: string; readonly reply?: string | undefined } | undefined;
  /** Public keys that may ask. Default: everybody. */
  readonly allow?: string[] | undefined;
  /** Public keys that may write rows, or `anyone`. Default: nobody. */
  readonly write?: string[] | 'anyone' | undefined;
}

/** Takes notifications and delivers them. */
export interface BroadcasterSection {
  /** Default http://127.0.0.1:3003. */
  readonly listen: string;
  /** Default `subscriptions.db` in the data folder. */
  readonly store?: `sqlite:${string}` | undefined;
  /** `none` (on this machine alone), or a secrets file. */
  readonly auth?: string | undefined;
  /** The other side's secrets, for this node's own subscriptions, where `auth` is a file. Default `auth`. */
  readonly subscriberAuth?: string | undefined;
  /** Whether deliveries are logged, in `deliveries.db` of the data folder. Default true. */
  readonly deliveryLog: boolean;
  /** Globs of topics that are handed to the app: `orders/7` goes to the route `/orders/7`. */
  readonly handle?: string[] | undefined;
  /** Of pages that may ask, or `all`. */
  readonly origins?: string[] | 'all' | undefined;
  /** `public` posts to no private address. Default `any`. */
  readonly addresses: 'any' | 'public';
  /** Networks that `public` lets through: `10.1.0.0/16`. */
  readonly allow?: string[] | undefined;
  /** Asks urls whether they want to be subscribed. Default false. */
  readonly verifyIntent: boolean | 'strict';
  /** Who may ask /metrics. Default `local`. */
  readonly operations: 'local' | 'all' | 'off';
  /** ms. Default 0. */
  readonly drainTime: number;
}

/** Holds encrypted sessions. */
export interface SessionsSection {
  /** Default HTTP and WebSocket at 127.0.0.1:7881. */
  readonly listen: string[];
  /** A file with what clients share with this node; beside its key. */
  readonly secretFile?: string | undefined;
  /** Public keys that may come. Default: everybody. */
  readonly allow?: string[] | undefined;
  /** ms. Default 60 000. */
  readonly resumeWithin: number;
  /** ms. Default never. */
  readonly idleTimeout?: number | undefined;
  /** Default `skip`. */
  readonly slow: 'skip' | 'cut';
  /** Default 10 000. */
  readonly maxSessions: number;
}

/** Finds and talks to peers of the LAN. */
export interface PeersSection {
  /** The name that others see. Default: the login. */
  readonly user?: string | undefined;
  readonly hostname?: string | undefined;
  /** Default 224.0.0.109. */
  readonly group?: string | undefined;
  /** Default 57000. */
  readonly udpPort?: number | undefined;
  /** Default 57001, or any that is free. */
  readonly tcpPort?: number | undefined;
  readonly interfaces?: string[] | undefined;
  /** `HOST` or `HOST:PORT` of peers that multicast does not reach. */
  readonly staticPeers: string[];
  /** A private file with what the members of a group know. */
  readonly groupSecretFile?: string | undefined;
  readonly hidden: boolean;
  readonly legacy: boolean;
  readonly dnsSd: boolean;
  /** Whose files are taken. Default `none`. */
  readonly accept: 'none' | 'trusted' | 'all';
  /** Default `downloads` in the data folder. */
  readonly downloads?: string | undefined;
}

/** The console: a page for whoever runs the node. */
export interface ConsoleSection {
  /** On this machine alone. Default http://127.0.0.1:7300. */
  readonly listen: string;
}

const text = (says: string): z.ZodString => z.string().min(1).describe(says);
const texts = (says: string): z.ZodArray<z.ZodString> => z.array(z.string().min(1)).describe(says);
const publicKey = z.string().superRefine((key, { addIssue }) => {
  try {
    PublicKey.from(key);
  } catch (error) {
    addIssue(messageOf(error));
  }
});
const keys = (says: string): z.ZodArray<z.ZodString> => z.array(publicKey).describe(says);
const ms = (says: string): z.ZodInt =>
  z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .describe(`${says}, ms`);
const count = z.int().positive().optional();
const sqlite = z.templateLiteral(['sqlite:', z.string().min(1)]);
const port = z.int().min(0).max(65_535);

const limits = z
  .strictObject({
    maxPacket: count,
    maxDatagram: count,
    maxConnections: count,
    maxConnectionsPerHost: count,
    maxInFlightPerConnection: count,
    idleTimeout: count,
    packetTimeout: count,
    rate: z.number().positive().optional(),
    burst: z.number().positive().optional(),
    maxInFlight: count,
    replyFactor: z.number().positive().optional(),
  })
  .describe('what strangers meet');

export const requestSection: z.ZodType<RequestSection> = z
  .strictObject({
    listen: texts('udp://, tcp://, http:// and ws:// with host and port')
      .min(1)
      .default([
        'udp://127.0.0.1:7878',
        'tcp://127.0.0.1:7878',
        'http://127.0.0.1:7880',
        'ws://127.0.0.1:7880',
      ]),
    payload: z.enum(['routed', 'raw']).default('routed').describe('raw speaks to PSSST programs'),
    allow: keys('public keys that may ask').optional(),
    onceStore: z
      .union([z.literal('memory'), sqlite])
      .optional()
      .describe('memory, or sqlite:FILE'),
    maxDatagram: z.int().min(128).max(65_507).optional().describe('bytes'),
    workers: z.int().min(1).max(256).default(1).describe('processes that share the ports'),
    limits: limits.optional(),
  })
  .describe('answers sealed requests that stand alone');

export const lookupSection: z.ZodType<LookupSection> = z
  .strictObject({
    host: text('where to listen').default('127.0.0.1'),
    port: port.default(9999).describe('of UDP and TCP'),
    files: z
      .record(z.string().min(1), z.union([z.string(), z.int().min(0), z.null()]))
      .refine((files) => Object.keys(files).length > 0, 'names no file')
      .optional()
      .describe('each file with its key column: a name, a number, or null for whole JSON'),
    schemes: z
      .array(z.enum(['sealed', 'plain', 'legacy-rsa']))
      .min(1)
      .default(['sealed'])
      .describe("plain and legacy-rsa are for simple_client_server's own programs"),
    legacyKeys: z
      .strictObject({ query: text('a private key file'), reply: text('a public key file').optional() })
      .optional()
      .describe('for legacy-rsa'),
    allow: keys('public keys that may ask').optional(),
    write: z
      .union([z.literal('anyone'), keys('public keys')])
      .optional()
      .describe('who may write rows'),
  })
  .describe('answers from CSV and JSON files');

export const broadcasterSection: z.ZodType<BroadcasterSection> = z
  .strictObject({
    listen: text('http://HOST:PORT').default('http://127.0.0.1:3003'),
    store: sqlite.optional().describe('where subscriptions are kept'),
    auth: text('none, or a secrets file (sotto broadcaster --setup)').optional(),
    subscriberAuth: text("the subscribers' secrets file, for this node's own subscriptions").optional(),
    deliveryLog: z.boolean().default(true).describe('whether deliveries are logged'),
    handle: z.array(topicGlob).describe('globs of topics that are handed to the app').optional(),
    origins: z
      .union([z.literal('all'), texts('origins of pages')])
      .optional()
      .describe('pages that may ask'),
    addresses: z.enum(['any', 'public']).default('any').describe('public posts to no private address'),
    allow: texts('networks that public lets through').optional(),
    verifyIntent: z
      .union([z.boolean(), z.literal('strict')])
      .default(false)
      .describe('asks urls whether they want it'),
    operations: z.enum(['local', 'all', 'off']).default('local').describe('who may ask /metrics'),
    drainTime: ms('how long it goes on while /readyz says that it is going').default(0),
  })
  .describe('takes notifications and delivers them');

export const sessionsSection: z.ZodType<SessionsSection> = z
  .strictObject({
    listen: texts('http:// and ws:// with host and port')
      .min(1)
      .default(['ws://127.0.0.1:7881', 'http://127.0.0.1:7881']),
    secretFile: text('a private file with what clients share with this node').optional(),
    allow: keys('public keys that may come').optional(),
    resumeWithin: ms('how long a session waits for its client').default(60_000),
    idleTimeout: ms('after which a session in which nothing happens ends').min(1).optional(),
    slow: z.enum(['skip', 'cut']).default('skip').describe('what befalls slow clients'),
    maxSessions: z.int().positive().default(10_000),
  })
  .describe('holds encrypted sessions');

export const peersSection: z.ZodType<PeersSection> = z
  .strictObject({
    user: text('the name that others see').optional(),
    hostname: text('the name of this machine').optional(),
    group: text('the multicast group').optional(),
    udpPort: port.min(1).optional().describe('of the group'),
    tcpPort: port.optional().describe('for messages to this node'),
    interfaces: texts('names or addresses of networks').optional(),
    staticPeers: texts('HOST or HOST:PORT of peers that multicast does not reach').default([]),
    groupSecretFile: text("a private file with the group's secret").optional(),
    hidden: z.boolean().default(false).describe('seals announcements; needs a group secret'),
    legacy: z.boolean().default(false).describe('speaks with the original STP programs'),
    dnsSd: z.boolean().default(false).describe('tells other tools by DNS-SD'),
    accept: z.enum(['none', 'trusted', 'all']).default('none').describe('whose files are taken'),
    downloads: text('where files go').optional(),
  })
  .describe('finds and talks to peers of the LAN');

export const consoleSection: z.ZodType<ConsoleSection> = z
  .strictObject({ listen: text('http://127.0.0.1:PORT').default('http://127.0.0.1:7300') })
  .describe('the page for whoever runs the node');
