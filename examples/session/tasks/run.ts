/** Runs a program: its output as it comes, for no longer and no more than it may. */

import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';

export interface RunLimits {
  /** ms. */
  readonly timeLimit: number;
  /** Bytes. */
  readonly outputLimit: number;
  /** Ends it before. */
  readonly signal: AbortSignal;
}

/** @returns a generator of its output, standard and error together, that returns how it ended. */
export async function* run(
  [program, ...args]: readonly [string, ...string[]],
  { timeLimit, outputLimit, signal }: RunLimits,
): AsyncGenerator<string, string, void> {
  // A group of its own, so that what it starts ends with it; of our environment no more than where programs are.
  const env = { PATH: process.env.PATH };
  const child = spawn(program, args, { detached: true, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new PassThrough({ encoding: 'utf8' });
  for (const stream of [child.stdout, child.stderr]) stream.pipe(output, { end: false });
  let how = '';
  const stop = (why: string): void => {
    how ||= why;
    kill(child);
  };
  child.once('error', (error) => {
    how ||= error.message;
  });
  child.once('close', (code, killedBy) => {
    how ||= `ended with ${code ?? killedBy}`;
    output.end();
  });
  const timer = setTimeout(stop, timeLimit, `stopped after ${timeLimit} ms`);
  const cancel = (): void => stop('cancelled');
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    let left = outputLimit;
    for await (const text of output as AsyncIterable<string>) {
      left -= Buffer.byteLength(text);
      if (left < 0) stop(`stopped after ${outputLimit} bytes`);
      else yield text;
    }
    return how;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    if (!output.readableEnded) cancel();
  }
}

function kill({ pid, stdout, stderr }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
  // Whoever has left its group may hold them open, and is not waited for.
  for (const stream of [stdout, stderr]) stream?.destroy();
}
