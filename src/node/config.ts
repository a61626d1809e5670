/** `sotto.config.json`: what a node does, checked before anything starts. */

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, SottoError } from '../errors.ts';
import type { SealedLimits } from '../sealed/options.ts';

/** The content of `sotto.config.json`, with every default filled in. */
export interface NodeConfig {
  /** The key file; made where it is missing. Default `.sotto/identity.key`. */
  readonly identity: string;
  /** A module that exports `app`. Default: the demo app. */
  readonly app?: string | undefined;
  /** Default: UDP and TCP at 127.0.0.1:7878, HTTP and WebSocket at 127.0.0.1:7880. */
  readonly listen: string[];
  /** Default `routed`. */
  readonly payload: 'routed' | 'raw';
  /** Public keys that may ask. Default: everybody. */
  readonly allow?: string[] | undefined;
  /** Where `once` requests are remembered: `memory` (default) or `sqlite:FILE`. */
  readonly onceStore?: 'memory' | `sqlite:${string}` | undefined;
  /** Bytes. Default 1232. */
  readonly maxDatagram?: number | undefined;
  /** Processes that share the ports. Default 1. */
  readonly workers: number;
  /** See {@link SealedLimits}. */
  readonly limits?: { readonly [Name in keyof SealedLimits]?: number | undefined } | undefined;
}

export type PartialNodeConfig = Partial<NodeConfig>;

const LISTEN = [
  'udp://127.0.0.1:7878',
  'tcp://127.0.0.1:7878',
  'http://127.0.0.1:7880',
  'ws://127.0.0.1:7880',
];
const count = z.int().positive().optional();

const Config: z.ZodType<NodeConfig> = z.strictObject({
  identity: z.string().default('.sotto/identity.key'),
  app: z.string().optional(),
  listen: z.array(z.string()).min(1).default(LISTEN),
  payload: z.enum(['routed', 'raw']).default('routed'),
  allow: z.array(z.string()).optional(),
  onceStore: z.union([z.literal('memory'), z.templateLiteral(['sqlite:', z.string().min(1)])]).optional(),
  maxDatagram: z.int().min(128).max(65_507).optional(),
  workers: z.int().min(1).max(256).default(1),
  limits: z
    .strictObject({
      maxPacket: count,
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
    .optional(),
});

/** @throws SottoError `invalid_config` naming every field that is wrong. */
export function parseConfig(value: unknown, name: string): NodeConfig {
  const result = Config.safeParse(value);
  if (result.success) return result.data;
  const reasons = result.error.issues.map((issue) => {
    const path = issue.path.join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  throw new SottoError('invalid_config', `${name} cannot be used: ${reasons.join('; ')}.`);
}

/**
 * A config file, or all defaults where `path` is undefined and the usual file does not exist.
 *
 * @throws SottoError `invalid_config`.
 */
export async function readConfig(path: string | undefined): Promise<NodeConfig> {
  const file = path ?? 'sotto.config.json';
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (path === undefined) return parseConfig({}, file);
    throw new SottoError('invalid_config', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  try {
    return parseConfig(JSON.parse(text), file);
  } catch (cause) {
    if (cause instanceof SottoError) throw cause;
    throw new SottoError('invalid_config', `${file} is not JSON: ${messageOf(cause)}`, { cause });
  }
}
