/** The world in a terminal: `node examples/session/mud/client.ts URL SERVER_KEY NAME`, as the server prints it. */

import { createInterface } from 'node:readline';
import { SessionClient } from 'sotto/session';
import { argumentsFor, orLeave, printable } from '../terminal.ts';

const [url = '', serverKey = '', name = ''] = argumentsFor('mud/client.ts URL SERVER_KEY NAME', 3);
await using client = await SessionClient.connect(url, { serverKey }).catch(orLeave);
const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator](); // from now on none is lost
const enter = async (): Promise<void> => print(await client.request('/enter', name));

client
  .on('/heard', ({ body }) => print(body))
  .on('/seen', () => {}) // a page draws it; here `look` does
  .on('disconnected', () => print('The world grows dim …'))
  .on('connected', ({ resumed }) => void (resumed ? print('… and bright again.') : enter().catch(leave)))
  .on('closed', () => input.close());

await enter().catch(leave);
for await (const line of lines) {
  if (line === 'quit') break;
  print(await client.request('/do', line).catch((error: Error) => error.message));
}

function leave(error: Error): void {
  print(error.message);
  input.close();
}

function print(text: unknown): void {
  console.log(printable(text));
}
