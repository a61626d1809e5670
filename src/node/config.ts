/** `sotto.config.json`: what a node does, checked before anything starts. */

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, SottoError } from '../errors.ts';
import { hasCode } from '../platform/node/error-code.ts';
import { type Bridge, bridgesSection } from './bridges/config.ts';
import {
  type BroadcasterSection,
  broadcasterSection,
  type ConsoleSection,
  consoleSection,
  type LookupSection,
  lookupSection,
  type PeersSection,
  peersSection,
  type RequestSection,
  requestSection,
  type SessionsSection,
  sessionsSection,
} from './sections.ts';

/** The content of `sotto.config.json`, with every default filled in. A section that is `false` is off. */
export interface NodeConfig {
  readonly $schema?: string | undefined;
  /** Where the node keeps its key and all that must survive it. Default `.sotto`. */
  readonly data: string;
  /** The key file; made where it is missing. Default `identity.key` in the data folder. */
  readonly identity: string;
  /** The list that `sotto keys revoke` writes, of keys that nobody may use here. Default `revoked.json` in the data folder. */
  readonly revoked: string;
  /** A module that exports `app`. Default: the demo app. */
  readonly app?: string | undefined;
  /** Public keys that alone may reach routes, by route pattern: `{ "/admin/*": ["sotto1…"] }`. Default: nothing is kept back. */
  readonly access: Record<string, string[]>;
  readonly request: RequestSection | false;
  readonly lookup: LookupSection | false;
  readonly broadcaster: BroadcasterSection | false;
  readonly sessions: SessionsSection | false;
  readonly peers: PeersSection | false;
  readonly console: ConsoleSection | false;
  /** What is carried from one job to another. Default nothing. */
  readonly bridges: Bridge[];
}

type Section = 'request' | 'lookup' | 'broadcaster' | 'sessions' | 'peers' | 'console';

/** As it is written: everything has a default. */
export type PartialNodeConfig = Partial<Omit<NodeConfig, Section | 'bridges'>> & {
  readonly [Name in Section]?: Partial<Exclude<NodeConfig[Name], false>> | false;
} & { readonly bridges?: readonly Partial<Bridge>[] };

function switchable<T>(section: z.ZodType<T>): z.ZodType<T | false> {
  return z.union([z.literal(false), section]).prefault({} as never);
}

type InData = 'identity' | 'revoked';

const Config: z.ZodType<Omit<NodeConfig, InData> & { readonly [Name in InData]?: string | undefined }> = z
  .strictObject({
    $schema: z.string().optional(),
    data: z.string().min(1).default('.sotto').describe('where the node keeps what must survive it'),
    identity: z.string().min(1).optional().describe('the key file; default identity.key in the data folder'),
    revoked: z
      .string()
      .min(1)
      .optional()
      .describe('keys that nobody may use here; default revoked.json in the data folder'),
    app: z.string().min(1).optional().describe('a module that exports `app`; default the demo'),
    access: z
      .record(z.string().startsWith('/'), z.array(z.string()))
      .default({})
      .describe('public keys that alone may reach routes, by route pattern'),
    request: switchable(requestSection),
    lookup: switchable(lookupSection),
    broadcaster: switchable(broadcasterSection),
    sessions: switchable(sessionsSection),
    peers: switchable(peersSection),
    console: switchable(consoleSection),
    bridges: bridgesSection.default([]),
  })
  .describe('What a Sotto node does. A section that is false is off; whatever is left out has a default.');

/** The schema of the file, for editors. */
export function configSchema(): object {
  return z.toJSONSchema(Config, { io: 'input' });
}

/** @throws SottoError `invalid_config` naming every field that is wrong. */
export function parseConfig(value: unknown, name: string): NodeConfig {
  const result = Config.safeParse(value);
  if (result.success) {
    const folder = result.data.data.replace(/\/$/, '');
    const { identity = `${folder}/identity.key`, revoked = `${folder}/revoked.json` } = result.data;
    return { ...result.data, identity, revoked };
  }
  const reasons = result.error.issues.flatMap((issue) => reasonsOf(issue, []));
  throw new SottoError('invalid_config', `${name} cannot be used: ${reasons.join('; ')}.`);
}

/**
 * A config file, or all defaults where `path` is undefined and the usual file does not exist.
 *
 * @throws SottoError `invalid_config`.
 */
export async function readConfig(path: string | undefined): Promise<NodeConfig> {
  const file = path ?? CONFIG_FILE;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (path === undefined && hasCode(cause, 'ENOENT')) return parseConfig({}, file);
    throw new SottoError('invalid_config', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  return parseConfigText(text, file);
}

/** @throws SottoError `invalid_config`. */
export function parseConfigText(text: string, file: string): NodeConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SottoError('invalid_config', `${file} is not JSON: ${messageOf(cause)}`, { cause });
  }
  return parseConfig(value, file);
}

/** Read where it is there, unless another is named. */
export const CONFIG_FILE = 'sotto.config.json';

/** Of alternatives, those that were meant: whatever looks into the value, and not at its kind alone. */
function reasonsOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): string[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((issues) => issues.some(isInside));
    if (meant) return meant.flatMap((inner) => reasonsOf(inner, path));
  }
  return [path.length === 0 ? issue.message : `${path.join('.')}: ${issue.message}`];
}

function isInside({ path, code }: z.core.$ZodIssue): boolean {
  return path.length > 0 || code === 'unrecognized_keys';
}
