/** Runs the command `sotto` as a user would. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { PartStatus } from '../../src/index.ts';

const BIN = fileURLToPath(new URL('../../bin/sotto.js', import.meta.url));

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

function spawnSotto(args: readonly string[], options: RunOptions = {}): Child {
  return spawn(process.execPath, [BIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export async function sotto(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const child = spawnSotto(args, options);
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, [code]] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { code, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** A server that has printed its first line of JSON: where it listens, its key, and the line to paste. */
export class RunningServer implements AsyncDisposable {
  readonly addresses: readonly string[];
  readonly publicKey: string;
  readonly call: string;
  /** To the console of `up`; null for none. */
  readonly link: string | null;
  /** Of `up`. */
  readonly parts: readonly PartStatus[];
  readonly child: Child;
  /** What it has said on standard error so far. */
  stderr = '';

  static async start(args: readonly string[], options: RunOptions = {}): Promise<RunningServer> {
    const child = spawnSotto([...args, '--json'], options);
    const errors = buffer(child.stderr);
    const [line] = (await Promise.race([
      once(createInterface({ input: child.stdout }), 'line'),
      once(child, 'exit').then(async ([code]) => {
        throw new Error(`sotto ended with ${code}: ${(await errors).toString()}`);
      }),
    ])) as [string];
    return new RunningServer(child, JSON.parse(line) as RunningServer);
  }

  private constructor(child: Child, said: RunningServer) {
    this.child = child;
    this.addresses = said.addresses;
    this.publicKey = said.publicKey;
    this.call = said.call;
    this.link = said.link ?? null;
    this.parts = said.parts ?? [];
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk;
    });
  }

  async stop(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop('SIGKILL');
  }
}
