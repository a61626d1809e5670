/** What Linux tells of a process, whoever wrote it; nothing elsewhere. */

import { readdirSync, readFileSync } from 'node:fs';

/** CPU time since its start, us, in steps of 10 ms; NaN where it cannot be told. */
export function cpuOf(pid: number): number {
  // The name, which may hold anything, is in the last parentheses.
  const fields = read(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [];
  return 10_000 * (Number(fields[11] ?? Number.NaN) + Number(fields[12] ?? Number.NaN));
}

/** The most memory that it ever had, MB; NaN where it cannot be told. */
export function peakMemoryOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(read(pid, 'status'))?.[1] ?? Number.NaN) / 1000;
}

/** The process of that name; 0 without one. */
export function pidOf(name: string): number {
  try {
    const pids = readdirSync('/proc').map(Number).filter(Boolean);
    return pids.find((pid) => read(pid, 'comm').trim() === name) ?? 0;
  } catch {
    return 0;
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
