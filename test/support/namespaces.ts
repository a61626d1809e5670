/** Linux network namespaces: made, entered and surely removed. Needs root and the Debian package iproute2. */

import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const PREFIX = 'sotto';

export const ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  // Where Debian keeps `ip`, `tc` and `nft`, which the PATH of a user who became root may lack.
  PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
};

const run = promisify(execFile);
const made = new Set<string>();
let reason: string | null | undefined;

/** Why hosts cannot be made here; null where they can. */
export function networkAvailable(): string | null {
  reason ??= whyNot();
  return reason;
}

/** Runs a command; what it printed. @throws Error with what it said. */
export async function command(name: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(name, args, { env: ENVIRONMENT });
  return stdout;
}

/** Whether a tool is there at all. */
export function hasTool(name: string): boolean {
  return spawnSync(name, ['--version'], { env: ENVIRONMENT, stdio: 'ignore' }).error === undefined;
}

/** @throws Error naming the package that brings the tool. */
export function requireTool(name: string, debianPackage: string): void {
  if (!hasTool(name)) throw new Error(`the command ${name} is missing (Debian package ${debianPackage})`);
}

/** @returns its full name, which no other process has. */
export async function addNamespace(name: string): Promise<string> {
  if (made.size === 0) {
    process.once('exit', () => removeNow([...made]));
    removeNow(await leftOver());
  }
  const namespace = nameFor(name);
  made.add(namespace);
  await command('ip', 'netns', 'add', namespace);
  return namespace;
}

/** With all that is in it: interfaces, and processes too, which would else keep it alive. */
export async function removeNamespace(namespace: string): Promise<void> {
  removeNow([namespace]);
  made.delete(namespace);
}

function nameFor(name: string): string {
  return `${PREFIX}-${process.pid}-${name}`;
}

function removeNow(namespaces: readonly string[]): void {
  for (const namespace of namespaces) {
    for (const pid of ip('netns', 'pids', namespace).stdout.split('\n').map(Number)) {
      if (pid > 1 && pid !== process.pid) attemptKill(pid);
    }
    ip('netns', 'del', namespace);
  }
}

/** Of test processes that were killed before they could tidy up. */
async function leftOver(): Promise<string[]> {
  const names = (await command('ip', 'netns', 'list')).split('\n').map((line) => line.split(' ')[0] ?? '');
  return names.filter((name) => {
    const pid = Number(new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1] ?? Number.NaN);
    return !Number.isNaN(pid) && !isAlive(pid);
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function attemptKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function ip(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('ip', args, { env: ENVIRONMENT, encoding: 'utf8' });
}

function whyNot(): string | null {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (!hasTool('ip')) return 'the command ip is missing (Debian package iproute2)';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const probe = nameFor('probe');
  const steps = [
    ['netns', 'add', probe],
    ['-n', probe, 'link', 'add', 'bridge', 'type', 'bridge'],
    ['-n', probe, 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two'],
    ['netns', 'exec', probe, 'true'],
  ];
  const failed = steps.find((step) => ip(...step).status !== 0);
  const said = failed && ip(...failed).stderr.trim();
  ip('netns', 'del', probe);
  return failed ? `ip ${failed.join(' ')}: ${said}` : null;
}
