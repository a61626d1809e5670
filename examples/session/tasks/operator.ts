/**
 * Runs a task on a task server; Ctrl-C cancels it. Without a task: lists them.
 *
 *   node examples/session/tasks/operator.ts URL SERVER_KEY KEY_FILE [TASK [NAME=VALUE …]]
 *
 * The key file is made the first time; the server's owner adds what is then printed to `operators.txt`.
 */

import { SottoError } from 'sotto';
import { SessionClient } from 'sotto/session';
import { argumentsFor, identityIn, oneLine, orLeave, printable } from '../terminal.ts';

const USAGE = 'tasks/operator.ts URL SERVER_KEY KEY_FILE [TASK [NAME=VALUE …]], as the server prints it';
const [url = '', serverKey = '', keyFile = '', task, ...words] = argumentsFor(USAGE, 3);
const identity = await identityIn(keyFile).catch(orLeave);
const stopped = new AbortController();
process.once('SIGINT', () => stopped.abort());

try {
  await using client = await SessionClient.connect(url, { serverKey, identity });
  if (task === undefined) await list(client);
  else await run(client, task);
} catch (error) {
  process.exitCode = 1;
  console.error(oneLine((error as Error).message));
  if (error instanceof SottoError && error.code === 'refused') {
    console.error(
      `If the server's owner is to let you in, this belongs into operators.txt:\n${identity.publicKey} NAME`,
    );
  }
}

async function list(client: SessionClient): Promise<void> {
  const tasks = (await client.request('/tasks')) as { name: string; about: string }[];
  for (const { name, about } of tasks) console.log(oneLine(`${name.padEnd(10)} ${about}`));
}

async function run(client: SessionClient, name: string): Promise<void> {
  const body = Object.fromEntries(words.map((word) => word.split(/=(.*)/s, 2)));
  const output = client.stream(`/run/${encodeURIComponent(name)}`, body, { signal: stopped.signal });
  for await (const piece of output) {
    if (typeof piece === 'string') process.stdout.write(printable(piece));
    else console.error(oneLine((piece as { result: string }).result));
  }
}
