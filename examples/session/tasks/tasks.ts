/** What operators may run, and nothing else: programs with fixed arguments, into which checked words are put. */

import { z } from 'zod';
import type { RunLimits } from './run.ts';

export type Command = readonly [string, ...string[]];

export interface Task extends Omit<RunLimits, 'signal'> {
  readonly about: string;
  /** The program and its arguments, which no shell reads; null for words that do not fit. */
  command(words: unknown): Command | null;
}

const MINUTE = 60_000;
const LIMITS = { timeLimit: MINUTE, outputLimit: 256 * 1024 };
const none = z.strictObject({});
const disk = z.strictObject({ folder: z.enum(['/', '/tmp', '/var']).default('/') });
const count = z.strictObject({ to: z.coerce.number().int().min(1).max(1_000_000) });
const nap = z.strictObject({ seconds: z.coerce.number().int().min(1).max(60) });

export function tasksFor({ auditLog }: { readonly auditLog: string }): ReadonlyMap<string, Task> {
  return new Map<string, Task>([
    ['uptime', task('tells how long this machine has been up', none, () => ['uptime'])],
    ['disk', task('tells the space left: folder=/tmp', disk, ({ folder }) => ['df', '-h', folder])],
    ['count', task('counts: to=100', count, ({ to }) => ['seq', '1', String(to)])],
    ['nap', { ...task('sleeps, two seconds at the most: seconds=1', nap, sleep), timeLimit: 2000 }],
    ['audit', task('shows what was run, and goes on', none, () => ['tail', '-n', '20', '-f', auditLog])],
  ]);
}

function sleep({ seconds }: { readonly seconds: number }): Command {
  return ['sleep', String(seconds)];
}

function task<Words>(about: string, schema: z.ZodType<Words>, command: (words: Words) => Command): Task {
  const checked = (words: unknown): Command | null => {
    const { data, success } = schema.safeParse(words);
    return success ? command(data) : null;
  };
  return { about, ...LIMITS, command: checked };
}
