/**
 * Runs tasks for operators from afar: those on a list, for those on a list, and writes down who ran what.
 *
 *   node examples/session/tasks/server.ts [FOLDER] [PORT]
 *   node examples/session/tasks/operator.ts URL SERVER_KEY KEY_FILE [TASK [NAME=VALUE …]]     as the server prints it
 *
 * FOLDER (default `.sotto/tasks`) has the server's key, `operators.txt` (a line each: `sotto1… NAME`) and `audit.log`.
 * There is no shell, and no way to name a program. Still it runs with the server's rights: give it a user of its own.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApp, type Sender, StatusError } from 'sotto';
import { SessionServer } from 'sotto/session';
import { identityIn } from '../terminal.ts';
import { auditIn, operatorsIn } from './audit.ts';
import { type RunLimits, run } from './run.ts';
import { type Command, tasksFor } from './tasks.ts';

const MOST_AT_A_TIME = 4;

const [folder = '.sotto/tasks', port = '7885'] = process.argv.slice(2);
mkdirSync(folder, { recursive: true, mode: 0o700 });
const operators = join(folder, 'operators.txt');
writeFileSync(operators, '', { flag: 'a', mode: 0o600 });
const auditLog = join(folder, 'audit.log');
const audit = await auditIn(auditLog);
const tasks = tasksFor({ auditLog });
let running = 0;

const app = createApp()
  .use((ctx, next) => {
    // Asked with each message: who has been struck out since the handshake is out.
    if (!nameOf(ctx.sender)) throw new StatusError(403, 'You are no operator any more.');
    return next();
  })
  .on('/tasks', () => [...tasks].map(([name, { about }]) => ({ name, about })))
  .on('/run/:task', ({ params, body, sender, signal }) => runFor(sender, params.task, body, signal), {
    maxBody: 4096,
  });

const identity = await identityIn(join(folder, 'server.key'));
const server = await SessionServer.start(app, {
  identity,
  listen: `ws://127.0.0.1:${port}`,
  allow: (key) => nameOf(key) !== undefined,
});
console.log(
  `node examples/session/tasks/operator.ts ${server.addresses[0]} ${server.publicKey} operator.key`,
);
// What runs has a group of its own, and would go on without us.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void server.close({ timeout: 0 }));

function nameOf(key: Sender | null): string | undefined {
  return key ? operatorsIn(operators).get(key.fingerprint) : undefined;
}

async function* runFor(
  sender: Sender | null,
  task: string,
  words: unknown,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, void> {
  const note = (result: string): Promise<void> =>
    audit({ who: nameOf(sender), key: `${sender}`, task, words, result });
  let result = 'cancelled';
  running += 1;
  try {
    const { command, limits } = planFor(task, words);
    await note('begun');
    result = yield* run(command, { ...limits, signal });
    yield { result };
  } catch (error) {
    result = (error as Error).message;
    throw error;
  } finally {
    running -= 1;
    await note(result);
  }
}

/** @throws StatusError 404, 400, 503. */
function planFor(name: string, words: unknown): { command: Command; limits: Omit<RunLimits, 'signal'> } {
  const task = tasks.get(name);
  if (!task) throw new StatusError(404, 'There is no such task.');
  const command = task.command(words);
  if (!command) throw new StatusError(400, `Those words do not fit. ${name} ${task.about}`);
  if (running > MOST_AT_A_TIME) throw new StatusError(503, 'Too many tasks run now.');
  return { command, limits: task };
}
