/** Bridges in `sotto.config.json`: what is carried from one job to another. */

import { z } from 'zod';
import { topicGlob } from '../topic-glob.ts';

/**
 * Where messages are taken from. Patterns may end in `*`, and what it stands for goes on: from the topic `alarms/*` to the
 * LAN as `/house/*` makes `/house/fire` of `alarms/fire`.
 */
export type BridgeSource =
  /** A glob of topics of this node's broadcaster. */
  | { readonly topic: string }
  /** Routes of messages that peers send. */
  | { readonly lan: string }
  /** A path of this node's own where other services post. */
  | { readonly webhook: string; readonly listen: string; readonly secretFile: string };

/** Where they go. Left out, the name stays as it was: the topic `x/y` is the route `/x/y`. */
export type BridgeTarget =
  | { readonly topic: string }
  | { readonly lan: string }
  /** Pushed to every session, or to those in a room. */
  | { readonly sessions: string; readonly room?: string | undefined }
  /** Asked of another server; its answer goes back to the peer that asked. */
  | {
      readonly request: string;
      readonly serverKey: string;
      readonly route?: string | undefined;
      /** Who asks there. Default `node`. */
      readonly as: 'node' | 'anonymous';
    };

export interface Bridge {
  /** For people. */
  readonly name: string;
  readonly from: BridgeSource;
  readonly to: BridgeTarget;
}

const pattern = (says: string): z.ZodString => z.string().min(1).max(1024).describe(says);

const source: z.ZodType<BridgeSource> = z.union([
  z.strictObject({ topic: topicGlob.describe('a glob of topics') }),
  z.strictObject({ lan: pattern('routes of what peers send').startsWith('/') }),
  z.strictObject({
    webhook: pattern('a path where other services post').startsWith('/'),
    listen: z.string().min(1).describe('http://HOST:PORT'),
    secretFile: z.string().min(1).describe('a private file with what those services sign with'),
  }),
]);

const target: z.ZodType<BridgeTarget> = z.union([
  z.strictObject({ topic: pattern('the topic there') }),
  z.strictObject({ lan: pattern('the route there').startsWith('/') }),
  z.strictObject({
    sessions: pattern('the route that is pushed').startsWith('/'),
    room: z.string().min(1).optional().describe('only those in this room'),
  }),
  z.strictObject({
    request: z.string().min(1).describe('the URL of a server'),
    serverKey: z.string().min(1).describe('its public key'),
    route: pattern('the route there').startsWith('/').optional(),
    as: z.enum(['node', 'anonymous']).default('node').describe('who asks there'),
  }),
]);

export const bridgesSection: z.ZodType<Bridge[]> = z
  .array(z.strictObject({ name: z.string().min(1).max(100), from: source, to: target }))
  .max(100)
  .refine((bridges) => isEachOnce(bridges.map(({ name }) => name)), 'has two bridges of one name')
  .refine((bridges) => isEachOnce(bridges.flatMap(webhookOf)), 'has two bridges for one webhook')
  .describe('what is carried from one job to another');

function webhookOf({ from }: Bridge): string[] {
  return 'webhook' in from ? [`${from.listen} ${from.webhook}`] : [];
}

function isEachOnce(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}
