/**
 * At most once, over a network that loses and doubles, with servers that are killed and a client whose clock is wrong:
 * 10 000 requests, each run exactly once.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { codeOf } from '../../src/errors.ts';
import { Identity } from '../../src/keys/identity.ts';
import { RequestClient } from '../../src/request/client.ts';
import { LossyProxy } from '../support/lossy-proxy.ts';

const REQUESTS = 10_000;
const IN_FLIGHT = 1000;
const HOUR = 3_600_000;

/** One server of the pool; after each death it is started again on its port. */
class PoolServer {
  port = 0;
  deaths = 0;
  readonly #args: readonly string[];
  readonly #lives: readonly number[];
  #child: ChildProcess | null = null;
  #closing = false;

  /** @param lives after how many requests it kills itself, one number a life; the last life has no end. */
  constructor(args: readonly string[], lives: readonly number[]) {
    this.#args = args;
    this.#lives = lives;
  }

  async start(): Promise<void> {
    const script = fileURLToPath(new URL('../support/once-server.ts', import.meta.url));
    const dieAfter = String(this.#lives[this.deaths] ?? 0);
    const args = [script, String(this.port), ...this.#args, dieAfter];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    child.once('exit', (_code, signal) => {
      if (this.#closing) return;
      assert.equal(signal, 'SIGKILL');
      this.deaths += 1;
      void this.start();
    });
    const [line] = (await once(child.stdout ?? assert.fail(), 'data')) as [Buffer];
    this.port = Number(new URL(line.toString().trim()).port);
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#child?.kill();
    if (this.#child) await once(this.#child, 'exit');
  }
}

test('a once handler runs exactly once for each of 10 000 requests', { timeout: 240_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-once-'));
  const identity = Identity.generate();
  const log = join(folder, 'handled.log');
  const shared = [identity.toHex(), join(folder, 'once.db'), log];
  const pool = [new PoolServer(shared, [900, 1500, 700]), new PoolServer(shared, [1300, 1100])];
  for (const server of pool) await server.start();
  await using proxy = await LossyProxy.start(
    pool.map(({ port }) => port),
    { loss: 0.3, duplication: 0.2, delay: 20 },
    20_261_120,
  );
  const clients = await Promise.all(
    [-HOUR, HOUR].map((skew) =>
      RequestClient.connect(`udp://127.0.0.1:${proxy.port}`, {
        serverKey: identity.publicKey,
        timeout: 60_000,
        retries: 30,
        retryAfter: 50,
        now: () => Date.now() + skew,
      }),
    ),
  );

  const outcomes = new Map<number, string>();
  let next = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next < REQUESTS) {
        const number = next++;
        const client = clients[number % clients.length] ?? assert.fail();
        const outcome = client.request(`/count/${number}`, undefined, { once: true });
        outcomes.set(number, await outcome.then(() => 'answered', codeOf));
      }
    }),
  );
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(pool.map((server) => server.close()));

  const runs = new Map<string, number>();
  for (const number of (await readFile(log, 'utf8')).trimEnd().split('\n'))
    runs.set(number, (runs.get(number) ?? 0) + 1);
  const twice = [...runs].filter(([, count]) => count !== 1);
  assert.deepEqual(twice, [], 'some ran twice');
  assert.equal(runs.size, REQUESTS, 'some did not run');

  // The only requests without an answer are those whose server died between their effect and their answer.
  const deaths = pool.reduce((sum, server) => sum + server.deaths, 0);
  assert.equal(deaths, 5);
  const unanswered = [...outcomes].filter(([, outcome]) => outcome !== 'answered');
  assert.ok(unanswered.length <= deaths * IN_FLIGHT, `${unanswered.length} without an answer`);
  for (const [, outcome] of unanswered) assert.equal(outcome, 'outcome_unknown');
  await rm(folder, { recursive: true });
});
