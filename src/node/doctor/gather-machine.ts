/** What the system tells of clock, limits and service. */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import { promisify } from 'node:util';
import type { LimitFacts } from './judge-limits.ts';
import type { ServiceFacts } from './judge-service.ts';

const run = promisify(execFile);
const TOOL_TIMEOUT = 3000;
/** Above this a control group has no limit that counts. */
const NO_LIMIT = 2 ** 50;
/** Of a container, where control groups are of the first version. */
const OLD_LIMIT = '/sys/fs/cgroup/memory/memory.limit_in_bytes';

/** Null where systemd is not there to tell. */
export async function isClockSynchronised(): Promise<boolean | null> {
  const told = await propertiesOf('timedatectl', ['show', '-p', 'NTPSynchronized']);
  const said = told?.get('NTPSynchronized');
  return said === undefined ? null : said === 'yes';
}

/** @param pid of a program; null for this one. */
export async function gatherLimits(pid: string | null, filesWanted: number): Promise<LimitFacts> {
  const [limits, memory, meminfo] = await Promise.all([
    readFile(`/proc/${pid ?? 'self'}/limits`, 'utf8').catch(() => ''),
    memoryLimit(pid ?? 'self'),
    readFile('/proc/meminfo', 'utf8').catch(() => ''),
  ]);
  const files = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1];
  return {
    files: files === undefined ? null : files === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(files),
    filesWanted,
    memory,
    memoryFree: available === undefined ? freemem() : Number(available) * 1024,
  };
}

/** Null where there is no such unit, or no systemd that runs. */
export async function gatherService(unit: string): Promise<ServiceFacts | null> {
  const names = ['LoadState', 'ActiveState', 'Result', 'UnitFileState', 'NRestarts'];
  const told = await propertiesOf('systemctl', ['show', unit, '-p', names.join(',')]);
  if (told?.get('LoadState') !== 'loaded') return null;
  return {
    unit,
    active: told.get('ActiveState') ?? '',
    result: told.get('Result') ?? 'success',
    enabled: told.get('UnitFileState') ?? '',
    restarts: Number(told.get('NRestarts') ?? 0),
  };
}

/** The least of its control group and of those around it, bytes. */
async function memoryLimit(pid: string): Promise<number | null> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const path = /^0::(\/.*)$/m.exec(groups)?.[1] ?? '/';
  const parts = path.split('/').filter((part) => part !== '');
  const folders = parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
  const files = ['', ...folders].map((folder) => `/sys/fs/cgroup/${folder}/memory.max`);
  const limits = await Promise.all(
    [...files, OLD_LIMIT].map((file) => readFile(file, 'utf8').catch(() => 'max')),
  );
  const least = Math.min(
    ...limits.map((text) => (/^\d+/.test(text) ? Number(text) : Number.POSITIVE_INFINITY)),
  );
  return least < NO_LIMIT ? least : null;
}

/** Lines of `Name=value`; null where the tool is missing, or refuses. */
async function propertiesOf(
  tool: string,
  args: readonly string[],
): Promise<ReadonlyMap<string, string> | null> {
  try {
    const { stdout } = await run(tool, args, { timeout: TOOL_TIMEOUT });
    return new Map(stdout.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]));
  } catch {
    return null;
  }
}
