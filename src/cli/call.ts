/** `sotto call`. */

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import { decodeUtf8 } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import { RequestClient } from '../request/client.ts';
import type { NewerKey } from '../sealed/newer-key.ts';
import { ROOM_FOR_ANSWERS } from '../sealed/options.ts';
import { CipherSuite } from '../wire/pssst.ts';
import { REPRESENTATIONS, type Representation } from '../wire/representation.ts';
import { loadIdentity } from './keys.ts';
import { type OutputOptions, printNote, printValue } from './terminal.ts';

interface CallOptions extends OutputOptions {
  readonly serverKey: string;
  readonly identity?: string;
  readonly timeout?: number;
  readonly raw?: boolean;
  readonly once?: boolean;
  readonly as?: Representation;
  readonly pad?: number;
}

export function addCallCommand(program: Command): void {
  program
    .command('call')
    .argument('<url>', 'where the server listens; several, with commas between, are raced')
    .argument('<route>', 'such as /echo')
    .argument('[body]', 'JSON, or text; - reads standard input')
    .description('ask a server and print its answer')
    .requiredOption('--server-key <key>', "the server's public key, or @FILE that holds it")
    .option('--identity <file>', 'prove who asks with this key file')
    .option('--timeout <ms>', 'until an answer must be there', wholeNumber)
    .option('--once', 'have the handler run at most once')
    .option('--as <letter>', 'write the body as t (text), j (JSON), c (CBOR) or b (bytes)', representation)
    .option('--pad <bytes>', `fill datagrams up to this size (default: ${ROOM_FOR_ANSWERS})`, wholeNumber)
    .option(
      '--raw',
      'send the body as a bare message in suite 1, as PSSST programs do; the route is left out',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto call udp://127.0.0.1:7878 /echo hello --server-key sotto1…')
    .action(call);
}

async function call(
  url: string,
  route: string,
  body: string | undefined,
  options: CallOptions,
): Promise<void> {
  const { timeout, pad, identity, raw } = options;
  await using client = await RequestClient.connect(url.split(','), {
    serverKey: await readServerKey(options.serverKey),
    ...(identity === undefined ? {} : { identity: await loadIdentity(identity) }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(raw ? {} : { pad: pad ?? ROOM_FOR_ANSWERS }),
    onNewerKey: noteNewerKey,
    ...(raw ? ({ payload: 'raw', cipherSuite: CipherSuite.X25519_AESGCM128 } as const) : {}),
  });
  if (raw) return printValue(await client.requestRaw(await rawBody(body)), options);
  const { once = false, as = 'auto' } = options;
  const value = await client.request(route, await readBody(body, as), { once, representation: as });
  printValue(value, options);
}

/** For the `onNewerKey` of a client. */
export function noteNewerKey({ key, until }: NewerKey): void {
  const date = new Date(until).toISOString();
  printNote(`the server has a new key; yours is accepted until ${date}. Use --server-key ${key}`);
}

/** JSON where it is JSON, text otherwise; standard input as text where it is UTF-8. */
async function readBody(body: string | undefined, as: Representation | 'auto'): Promise<unknown> {
  if (body === undefined) return undefined;
  const input = body === '-' ? await buffer(process.stdin) : null;
  if (input && (as === 'b' || !isText(input))) return new Uint8Array(input);
  const text = input ? decodeUtf8(input) : body;
  if (as === 't' || as === 'b') return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (as === 'auto') return text;
    throw new SottoError('invalid_body', `The body is not JSON: ${messageOf(cause)}`, { cause });
  }
}

async function rawBody(body = ''): Promise<Uint8Array> {
  return new Uint8Array(body === '-' ? await buffer(process.stdin) : Buffer.from(body));
}

function isText(bytes: Uint8Array): boolean {
  try {
    decodeUtf8(bytes);
    return true;
  } catch {
    return false;
  }
}

/** A key, or what stands in the file behind an @. */
export async function readServerKey(value: string): Promise<string> {
  if (!value.startsWith('@')) return value;
  const file = value.slice(1);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new SottoError('invalid_key', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  return text.trim();
}

export function wholeNumber(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function representation(text: string): Representation {
  const letter = REPRESENTATIONS.find((each) => each === text);
  if (letter) return letter;
  throw new InvalidArgumentError('It must be t, j, c or b.');
}
