/**
 * The chat in a terminal: what you type is said, `/help` lists the rest.
 *
 *   node examples/session/chat/client.ts URL SERVER_KEY NAME [KEY FILE]
 *
 * With a key file, which is made the first time, your name is proved; without, others see `~name`: anybody could claim it.
 */

import { createInterface } from 'node:readline';
import { SessionClient } from 'sotto/session';
import { argumentsFor, identityIn, oneLine, orLeave } from '../terminal.ts';

interface Speaker {
  readonly name: string;
  readonly isProved: boolean;
}

const USAGE = 'chat/client.ts URL SERVER_KEY NAME [KEY FILE], as the server prints it';
const [url = '', serverKey = '', name = '', keyFile] = argumentsFor(USAGE, 3);
const proof = keyFile === undefined ? {} : { identity: await identityIn(keyFile) };
await using client = await SessionClient.connect(url, { serverKey, ...proof }).catch(orLeave);
const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator](); // from now on none is lost
let room = 'lobby';

client
  .on('/said', ({ body }) => print(`${shown(body as Speaker)}: ${(body as { text: string }).text}`))
  .on('/presence', ({ body }) => print(`* ${shown(body as Speaker)} ${(body as { what: string }).what}`))
  .on('disconnected', () => print('* The connection is lost; I go on trying.'))
  .on('connected', ({ resumed }) => void (resumed ? print('* Connected again.') : enter()))
  .on('gap', ({ missed }) => print(`* ${missed ?? 'Some'} messages were missed.`))
  .on('closed', () => input.close());

await enter();
for await (const line of lines) {
  if (line === '/quit') break;
  await obey(line).catch((error: Error) => print(`* ${error.message}`));
}

/** Also when the server has been restarted, and knows nobody any more. */
async function enter(): Promise<void> {
  try {
    await client.request('/enter', name);
    if (room !== 'lobby') await client.request('/join', room);
    print(`* You are ${name}, in ${room}. /help`);
  } catch (error) {
    print(`* ${(error as Error).message}`);
    await client.close();
  }
}

async function obey(line: string): Promise<void> {
  const [, command, rest = ''] = /^\/(\w+) ?(.*)$/.exec(line) ?? [];
  if (command === undefined) {
    if (line.trim() !== '') await client.request('/say', line);
  } else if (command === 'join') {
    room = String(await client.request('/join', rest));
    print(`* You are in ${room}.`);
  } else if (command === 'who') {
    const members = (await client.request('/who')) as (Speaker & { words?: string; isHere: boolean })[];
    for (const each of members) print(`  ${shown(each)} ${each.words ?? ''}${each.isHere ? '' : ' (away)'}`);
  } else if (command === 'rekey') {
    client.rekey();
    print('* Fresh keys, from now on.');
  } else print('* /join ROOM, /who, /rekey, /quit; anything else is said.');
}

function shown({ name, isProved }: Speaker): string {
  return isProved ? name : `~${name}`;
}

function print(text: string): void {
  console.log(oneLine(text));
}
