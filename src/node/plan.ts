/** What a config asks of the machine that it is for: all that a doctor and a backup need to know of it. */

import { readFile, stat } from 'node:fs/promises';
import { messageOf, SottoError } from '../errors.ts';
import { LIMITS } from '../sealed/options.ts';
import { DEFAULT_CONFIG_FILE, type NodeConfig, parseConfig, readConfig } from './config.ts';
import type { ConfigFacts } from './doctor/judge-runtime.ts';

export interface NodePlan {
  readonly config: NodeConfig;
  readonly facts: ConfigFacts;
  /** Files that the config names, the config among them and the app's code not: as they are written there. */
  readonly files: readonly string[];
  /** Of each road that has connections. */
  readonly maxConnections: number;
}

/** Fields that name code. */
const CODE: ReadonlySet<string> = new Set(['app']);

/**
 * @param file default the usual one, where it is there.
 * @param data instead of the config's.
 * @returns the defaults, and what is wrong, for a config that cannot be used.
 */
export async function readPlan(file: string | undefined, data: string | undefined): Promise<NodePlan> {
  const given = file ?? ((await isFile(DEFAULT_CONFIG_FILE)) ? DEFAULT_CONFIG_FILE : null);
  const [read, problem] = await readConfig(file).then(
    (config) => [config, null] as const,
    (error: unknown) => [parseConfig({}, ''), readable(error)] as const,
  );
  const config = data === undefined ? read : { ...read, data };
  return {
    config,
    facts: { file: given, problem },
    files: given === null ? [] : [given, ...(await filesNamed(given))],
    maxConnections: config.limits?.maxConnections ?? LIMITS.maxConnections,
  };
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
