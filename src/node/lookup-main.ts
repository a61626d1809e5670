import { parseArgs } from 'node:util';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import { lookup } from '../lookup/client.ts';
import {
  generateLegacyKey,
  type LegacyClientKeys,
  readLegacyKey,
  readLegacyPublicKey,
} from '../lookup/legacy/keys.ts';
import type { FileDescriptions, LookupData } from '../lookup/live/readers.ts';
import { PLACE, type QueryFunction } from '../lookup/options.ts';
import { LookupServer } from '../lookup/server.ts';
import type { Scheme } from '../wire/simple-client-server.ts';
import { loadOrMakeIdentities } from './node-keys.ts';
import { stopRequested } from './stop.ts';

/** What a test, or a program with a command line of its own, may want otherwise. */
export interface LookupMainOptions {
  /** Default what the program was called with. */
  readonly argv?: readonly string[];
  /** Where passphrases are: `query_passphrase` and `reply_passphrase`. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Prints what was sent and what was received, not the answer alone. Default false. */
  readonly verbose?: boolean;
  /** Takes each line. Default stdout. */
  readonly print?: (line: string) => void;
}

const EXIT = { done: 0, failed: 1, usage: 2 } as const;
const IDENTITY_FILE = '.sotto/identity.key';

const HELP = `Serves answers from files, or asks for one.

  PROGRAM --server                     serve, until it is stopped
  PROGRAM --server-key KEY WORD…       ask such a server

  --server, -S        run the server
  --host HOST         default ${PLACE.host}
  --port PORT         default ${PLACE.port}
  --tcp               ask over TCP, not UDP
  --identity FILE     the server's key, made where it is missing (default ${IDENTITY_FILE})
  --server-key KEY    the key that the server prints when it starts

For the programs of simple_client_server:
  --plain             no encryption
  --query-key FILE    legacy encryption: the server's private key; its public one for asking
  --reply-key FILE    legacy encryption: the asker's public key; its private one for asking
  --gen-key FILE      make such a pair: FILE and FILE.pub
Passphrases are taken from the variables query_passphrase and reply_passphrase.`;

const OPTIONS = {
  server: { type: 'boolean', short: 'S', default: false },
  host: { type: 'string', default: PLACE.host },
  port: { type: 'string', default: String(PLACE.port) },
  tcp: { type: 'boolean', default: false },
  identity: { type: 'string', default: IDENTITY_FILE },
  'server-key': { type: 'string' },
  plain: { type: 'boolean', default: false },
  'query-key': { type: 'string' },
  'reply-key': { type: 'string' },
  'gen-key': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type Environment = Readonly<Record<string, string | undefined>>;
type Print = (line: string) => void;
type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

/**
 * The whole of a program: a server of `files` with `--server`, else a client that asks it the words of its command line.
 * It takes the flags of simple_client_server's own `client_server_main`; without keys of that kind it is sealed.
 *
 * @returns the exit code, which is set as the program's own too: 0 done, 1 failed, 2 wrong usage.
 *
 * @example
 * ```ts
 * import { runLookupMain } from 'sotto/lookup';
 * await runLookupMain((text, data) => data['stock.csv'].get(text) ?? null, { 'stock.csv': 'name' });
 * ```
 */
export async function runLookupMain<const Files extends FileDescriptions>(
  query: QueryFunction<LookupData<Files>>,
  files: Files,
  options: LookupMainOptions = {},
): Promise<number> {
  const { argv = process.argv.slice(2), env = process.env, verbose = false, print = console.log } = options;
  try {
    const { values, positionals } = parsed(argv);
    if (values.help) print(HELP);
    else if (values['gen-key'] !== undefined) await generateKey(values['gen-key'], values, env, print);
    else if (values.server) await serve(query, files, values, env, print);
    else await askAndPrint(positionals.join(' '), values, env, verbose, print);
    process.exitCode = EXIT.done;
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = codeOf(error) === 'invalid_argument' ? EXIT.usage : EXIT.failed;
  }
  return process.exitCode;
}

function parsed(argv: readonly string[]): { values: Values; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const isAsking = !values.help && !values.server && values['gen-key'] === undefined;
    if (isAsking && positionals.length === 0) throw new Error('There is nothing to ask: give some words');
    return { values, positionals };
  } catch (cause) {
    throw new SottoError('invalid_argument', `${messageOf(cause)}; --help tells more.`, { cause });
  }
}

async function generateKey(file: string, { server }: Values, env: Environment, print: Print): Promise<void> {
  // As the original chooses.
  await generateLegacyKey(file, (server ? env.reply_passphrase : env.query_passphrase) || undefined);
  print(
    `${file} is the private key, ${file}.pub the public one. They are of 1024 bits, for legacy programs alone.`,
  );
}

async function serve<const Files extends FileDescriptions>(
  query: QueryFunction<LookupData<Files>>,
  files: Files,
  values: Values,
  env: Environment,
  print: Print,
): Promise<void> {
  const { 'query-key': queryKey, 'reply-key': replyKey, host, plain } = values;
  const schemes: Scheme[] = ['sealed'];
  if (plain) schemes.push('plain');
  if (queryKey !== undefined || replyKey !== undefined) schemes.push('legacy-rsa');
  const stop = stopRequested();
  const identity = await loadOrMakeIdentities(values.identity);
  const server = await LookupServer.start({
    host,
    port: portOf(values),
    files,
    query,
    schemes,
    identity,
    ...(schemes.includes('legacy-rsa')
      ? { legacyKeys: await keysOf(values, { private: 'query-key', passphrase: env.query_passphrase }) }
      : {}),
  });
  print(`Serving ${Object.keys(files).join(', ')} at ${server.address} by ${schemes.join(', ')}.`);
  print(`Ask with --server-key ${identity.current.publicKey}`);
  await stop;
  await server.close();
}

async function askAndPrint(
  text: string,
  values: Values,
  env: Environment,
  verbose: boolean,
  print: Print,
): Promise<void> {
  const answer = shown(await ask(text, values, env));
  if (verbose) print(`Sent:     ${text}`);
  print(verbose ? `Received: ${answer}` : answer);
}

async function ask(text: string, values: Values, env: Environment): Promise<unknown> {
  const { host, tcp, plain, 'server-key': serverKey } = values;
  const place = { host, port: portOf(values), tcp };
  if (values['query-key'] !== undefined || values['reply-key'] !== undefined) {
    const legacyKeys = await keysOf(values, { private: 'reply-key', passphrase: env.reply_passphrase });
    return lookup(text, { ...place, scheme: 'legacy-rsa', legacyKeys });
  }
  if (plain) return lookup(text, { ...place, scheme: 'plain' });
  if (serverKey !== undefined) return lookup(text, { ...place, serverKey });
  const needed =
    'Asking needs --server-key, which the server prints when it starts; or --plain, for servers of old.';
  throw new SottoError('invalid_argument', needed);
}

/** The private one from a file that nobody else may read, the public one from any. */
async function keysOf(
  values: Values,
  which: { readonly private: 'query-key' | 'reply-key'; readonly passphrase: string | undefined },
): Promise<LegacyClientKeys> {
  const missing = (['query-key', 'reply-key'] as const).find((name) => values[name] === undefined);
  if (missing) {
    throw new SottoError('invalid_argument', `--${missing} is missing: legacy encryption needs both keys.`);
  }
  const read = (name: 'query-key' | 'reply-key'): Promise<string> =>
    (name === which.private ? readLegacyKey : readLegacyPublicKey)(values[name] ?? '');
  return {
    query: await read('query-key'),
    reply: await read('reply-key'),
    ...(which.passphrase ? { passphrase: which.passphrase } : {}),
  };
}

function portOf({ port }: Values): number {
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65_535) return Number(port);
  throw new SottoError('invalid_argument', `--port takes a number from 0 to 65535, not "${port}".`);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
