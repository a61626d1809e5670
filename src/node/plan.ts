/** What a config asks of the machine that it is for: all that a doctor and a backup need to know of it. */

import { readFile, stat } from 'node:fs/promises';
import { messageOf, SottoError } from '../errors.ts';
import { LIMITS } from '../sealed/options.ts';
import { formatAddress } from '../transport/url.ts';
import { CONFIG_FILE, type NodeConfig, parseConfig, readConfig } from './config.ts';
import type { ConfigFacts } from './doctor/judge-runtime.ts';
import type { RequestSection } from './sections.ts';

export interface NodePlan {
  readonly config: NodeConfig;
  readonly facts: ConfigFacts;
  /** Where it listens. */
  readonly roads: readonly PlannedRoad[];
  /** Files that the config names, the config among them and the app's code not: as they are written there. */
  readonly files: readonly string[];
  /** Of each road that has connections. */
  readonly maxConnections: number;
}

export interface PlannedRoad {
  readonly url: string;
  /** Whose questions it answers, of those that a doctor can ask; null for nobody's. */
  readonly answers: 'everybody' | ReadonlySet<string> | null;
}

/** Nobody knows where that will be. */
const ANY_PORT = /:0\/?$/;
/** Fields that name code. */
const CODE: ReadonlySet<string> = new Set(['app']);

/**
 * @param file default the usual one, where it is there.
 * @param data instead of the config's.
 * @returns the defaults, and what is wrong, for a config that cannot be used.
 */
export async function readPlan(file: string | undefined, data: string | undefined): Promise<NodePlan> {
  const given = file ?? ((await isFile(CONFIG_FILE)) ? CONFIG_FILE : null);
  const [read, problem] = await readConfig(file).then(
    (config) => [config, null] as const,
    (error: unknown) => [parseConfig({}, ''), readable(error)] as const,
  );
  const config = data === undefined ? read : { ...read, data };
  return {
    config,
    facts: { file: given, problem },
    files: given === null ? [] : [given, ...(await filesNamed(given))],
    roads: roadsOf(config),
    maxConnections: maxConnectionsOf(config),
  };
}

function maxConnectionsOf({ request }: NodeConfig): number {
  const limits = request === false ? undefined : request.limits;
  return limits?.maxConnections ?? LIMITS.maxConnections;
}

/** Peers take any port that is free. */
function roadsOf({ request, lookup, broadcaster, sessions, console: page }: NodeConfig): PlannedRoad[] {
  const others = [
    ...(lookup ? lookupUrls(lookup) : []),
    ...(broadcaster ? [broadcaster.listen] : []),
    ...(sessions ? sessions.listen : []),
    ...(page ? [page.listen] : []),
  ].filter((url) => !ANY_PORT.test(url));
  return [
    ...(request ? request.listen.map((url) => ({ url, answers: answersOf(request) })) : []),
    ...others.map((url) => ({ url, answers: null })),
  ];
}

function lookupUrls({ host, port }: { readonly host: string; readonly port: number }): string[] {
  const address = formatAddress({ host, port });
  return [`udp://${address}`, `tcp://${address}`];
}

/** What a handler of raw bytes does with a question, nobody knows. */
function answersOf({ payload, allow }: RequestSection): PlannedRoad['answers'] {
  if (payload === 'raw') return null;
  return allow === undefined ? 'everybody' : new Set(allow);
}

function readable(error: unknown): string {
  if (error instanceof SottoError && error.code === 'invalid_config') return error.message;
  throw new SottoError('invalid_config', messageOf(error), { cause: error });
}

/** Wherever they are named, so that a field that comes later is not forgotten. */
async function filesNamed(configFile: string): Promise<string[]> {
  const text = await readFile(configFile, 'utf8').catch(() => '');
  const named = new Set<string>();
  try {
    JSON.parse(text, (field, value: unknown) => {
      if (typeof value === 'string' && !CODE.has(field)) named.add(value.replace(/^sqlite:/, ''));
      if (!/^\d*$/.test(field)) named.add(field); // files of lookups are names of fields
      return value;
    });
  } catch {
    return [];
  }
  const found = await Promise.all([...named].map(async (path) => ((await isFile(path)) ? path : null)));
  return found.filter((path) => path !== null);
}

/** Or a link to one. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
