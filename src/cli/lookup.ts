/** `sotto lookup serve|query|set|watch|keys|keygen`. */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, Option } from 'commander';
import { createApp } from '../app/app.ts';
import { messageOf, SottoError, StatusError } from '../errors.ts';
import { accessList } from '../keys/access-list.ts';
import { RevokedKeys } from '../keys/revoked-keys.ts';
import { type LookupPage, textOf, wordOf } from '../lookup/built-in-query.ts';
import { LookupClient, lookup } from '../lookup/client.ts';
import {
  generateLegacyKey,
  type LegacyClientKeys,
  readLegacyKey,
  readLegacyPublicKey,
} from '../lookup/legacy/keys.ts';
import type { FileDescription } from '../lookup/live/readers.ts';
import { type DoorOptions, PLACE, type QueryFunction } from '../lookup/options.ts';
import { LookupServer } from '../lookup/server.ts';
import { stopRequested } from '../node/stop.ts';
import { RequestServer } from '../request/server.ts';
import type { Scheme } from '../wire/simple-client-server.ts';
import { noteNewerKey, readServerKey, wholeNumber } from './call.ts';
import { loadIdentity, ownIdentities } from './keys.ts';
import { createLog, type LogLevel } from './log.ts';
import { logLevel } from './serve.ts';
import {
  endProgress,
  type OutputOptions,
  printFields,
  printJson,
  printLine,
  printValue,
  readPassphrase,
  showProgress,
} from './terminal.ts';

interface Place extends OutputOptions {
  readonly host: string;
  readonly port: number;
}

interface ServeOptions extends Place {
  readonly scheme?: readonly Scheme[];
  readonly identity: string;
  readonly allow?: readonly string[];
  readonly revoked: string;
  readonly write?: readonly string[];
  readonly query?: string;
  readonly listen?: readonly string[];
  readonly queryKey?: string;
  readonly replyKey?: string;
  readonly logLevel: LogLevel;
}

interface AskOptions extends Place {
  readonly serverKey?: string;
  readonly identity?: string;
  readonly timeout?: number;
  readonly tcp?: boolean;
}

interface QueryOptions extends AskOptions {
  readonly scheme: Scheme;
  readonly queryKey?: string;
  readonly replyKey?: string;
  readonly match?: string;
  readonly column?: string;
  readonly file?: string;
  readonly limit?: number;
  readonly after?: string;
}

interface SetOptions extends AskOptions {
  readonly file?: string;
  readonly remove?: boolean;
}

const SCHEMES: readonly Scheme[] = ['sealed', 'plain', 'legacy-rsa'];
/** Keys asked for at once by `keys`, which goes on until it has all. */
const KEYS_A_PAGE = 1000;

export function addLookupCommands(program: Command): void {
  const group = program
    .command('lookup')
    .description('answers from CSV, TSV and JSON files that people edit');
  addServe(group);
  addQuery(group);
  asking(group.command('set'))
    .argument('<key>', 'the row; it is made where it is missing')
    .argument('[column=value...]', 'what to write; column:=JSON writes a number, a list or null into JSON')
    .description('write one row back into its file')
    .option('--file <name>', 'which file; needed where several could have the key')
    .option('--remove', 'take the row away')
    .addHelpText(
      'after',
      '\nExample:\n  sotto lookup set drill place=shed --server-key sotto1… --identity me.key',
    )
    .action(set);
  asking(group.command('watch'))
    .argument('<key>', 'the row')
    .description('print a row now and whenever it changes')
    .option('--file <name>', 'which file; default the first that has the key')
    .addHelpText('after', '\nExample:\n  sotto lookup watch drill --server-key sotto1…')
    .action(watch);
  asking(group.command('keys'))
    .argument('[beginning]', 'only keys that begin so')
    .description('list the keys that can be asked for')
    .option('--file <name>', 'of this file alone')
    .addHelpText('after', '\nExample:\n  sotto lookup keys dr --server-key sotto1…')
    .action(keys);
  group
    .command('keygen')
    .argument('<file>', 'where the private key goes; the public one goes to FILE.pub')
    .description('make an RSA key pair for programs of simple_client_server (legacy)')
    .option('--passphrase', 'seal it under a passphrase (asked for, or SOTTO_PASSPHRASE)')
    .addHelpText('after', '\nExample:\n  sotto lookup keygen querykey')
    .action(keygen);
}

function addServe(group: Command): void {
  placed(group.command('serve'))
    .argument(
      '<file:key...>',
      'a file and the column that its rows go by: stock.csv:name, list.csv:0, data.json',
    )
    .description('answer queries from files, which are read again whenever they change')
    .addOption(new Option('--scheme <scheme...>', 'how queries may come (default sealed)').choices(SCHEMES))
    .option('--identity <file>', "the server's key file; made where it is missing", '.sotto/identity.key')
    .option('--allow <key...>', 'only these public keys may ask')
    .option('--revoked <file>', 'keys that may not ask', '.sotto/revoked.json')
    .option('--write <key...>', 'these public keys may write rows')
    .option('--query <module>', 'a file that exports `query`, a function of (text, data, ctx)')
    .option('--listen <url...>', 'answer the request job too: udp://, tcp://, http://, ws://')
    .option('--query-key <file>', 'legacy-rsa: the private key that opens queries')
    .option('--reply-key <file>', 'legacy-rsa: the public key that closes replies')
    .addOption(logLevel())
    .addHelpText('after', '\nExample:\n  sotto lookup serve stock.csv:name')
    .action(serve);
}

function addQuery(group: Command): void {
  asking(group.command('query'))
    .argument('<text...>', 'a key; be* and *part* complete, column=value goes by a column')
    .description('ask, and print the answer')
    .addOption(
      new Option('--scheme <scheme>', 'plain and legacy-rsa are for servers of simple_client_server')
        .choices(SCHEMES)
        .default('sealed'),
    )
    .option('--query-key <file>', "legacy-rsa: the server's public key")
    .option('--reply-key <file>', 'legacy-rsa: your private key')
    .addOption(
      new Option('--match <how>', 'how the text fits').choices(['exact', 'fold', 'prefix', 'contains']),
    )
    .option('--column <name>', 'look in this column, by name or number')
    .option('--file <name>', 'look in this file alone')
    .option('--limit <rows>', 'the most rows, up to 1000 (default 20)', wholeNumber)
    .option('--after <place>', 'the next page, as the one before named it')
    .addHelpText('after', '\nExample:\n  sotto lookup query spinach --server-key sotto1…')
    .action(query);
}

function placed(command: Command): Command {
  return command
    .option('--host <host>', 'where', PLACE.host)
    .option('--port <port>', 'UDP and TCP', wholeNumber, PLACE.port)
    .option('--json', 'print JSON');
}

function asking(command: Command): Command {
  return placed(command)
    .option('--server-key <key>', "the server's public key, or @FILE that holds it")
    .option('--identity <file>', 'prove who asks with this key file')
    .option('--timeout <ms>', 'until an answer must be there', wholeNumber)
    .option('--tcp', 'ask over TCP at once');
}

async function serve(places: readonly string[], options: ServeOptions): Promise<void> {
  const { host, port, scheme: schemes = ['sealed'], listen, json } = options;
  const log = createLog(options.logLevel);
  const stop = stopRequested(); // before anybody is told that we are up
  const { identities: identity } = await ownIdentities(options.identity);
  const revoked = await RevokedKeys.load(options.revoked);
  const allow = revoked.refusing(options.allow === undefined ? () => true : accessList(options.allow));
  const server = await LookupServer.start({
    host,
    port,
    files: Object.fromEntries(places.map(described)),
    schemes,
    identity,
    log,
    onProgress: (path, done, total) => showProgress(`reading ${path}`, done, total),
    allow,
    ...(options.write === undefined ? {} : { write: options.write }),
    ...(options.query === undefined ? {} : { query: await loadQuery(options.query) }),
    ...(await legacyServerKeys(options)),
  }).finally(endProgress);
  const doors =
    listen === undefined
      ? null
      : await RequestServer.start(server.lookup.mount(createApp({ log })), {
          identity,
          listen,
          log,
          allow,
        });
  const addresses = [`lookup://${server.address}`, ...(doors?.addresses ?? [])];
  const command = `sotto lookup query TEXT ${placeFlags(server, options)}--server-key ${identity.current.publicKey}`;
  if (json) printJson({ addresses, publicKey: identity.current.publicKey, call: command });
  else announce(server, addresses, command);
  await stop;
  log.info({}, 'closing');
  await doors?.close();
  await server.close();
}

function announce(server: LookupServer, addresses: readonly string[], command: string): void {
  const { files } = server.status;
  for (const { path, rows } of files) printLine(`${path}${rows === null ? '' : `: ${rows} rows`}`);
  printLine(`\nAnswering at\n`);
  for (const address of addresses) printLine(`  ${address}`);
  printLine(`\nAsk from another terminal:\n\n  ${command}\n`);
}

function placeFlags({ address }: LookupServer, { host }: ServeOptions): string {
  const flags = [
    ...(host === PLACE.host || host === '0.0.0.0' ? [] : ['--host', host]),
    ...(address.port === PLACE.port ? [] : ['--port', String(address.port)]),
  ];
  return flags.map((flag) => `${flag} `).join('');
}

/** `FILE:KEY`: a number is a column of a file without a header; without a key it is JSON. */
function described(place: string): [string, FileDescription] {
  const [, path = place, key = ''] = /^(.*):([^:/\\]*)$/.exec(place) ?? [];
  if (key === '') return [path, null];
  return [path, /^-?\d{1,4}$/.test(key) ? Number(key) : key];
}

async function loadQuery(module: string): Promise<QueryFunction<Readonly<Record<string, unknown>>>> {
  let exported: { query?: unknown };
  try {
    exported = (await import(pathToFileURL(resolve(module)).href)) as { query?: unknown };
  } catch (cause) {
    throw new SottoError('invalid_module', `${module} cannot be loaded: ${messageOf(cause)}`, { cause });
  }
  if (typeof exported.query === 'function') {
    return exported.query as QueryFunction<Readonly<Record<string, unknown>>>;
  }
  const text = `${module} must export a function: export function query(text, data, ctx) { … }`;
  throw new SottoError('invalid_module', text);
}

async function query(words: readonly string[], options: QueryOptions): Promise<void> {
  const { scheme, match, column, file, limit, after } = options;
  const text = words.join(' ');
  const parts = Object.entries({ match, column: columnOf(column), file, limit, after }).filter(
    ([, value]) => value !== undefined,
  );
  const asked = parts.length === 0 ? text : { find: text, ...Object.fromEntries(parts) };
  const answer = await lookup(asked, {
    ...(await askOptions(options)),
    scheme,
    ...(await legacyClientKeys(options)),
  });
  if (answer === null) throw new StatusError(404, `Nothing is known of "${text}".`);
  show(answer, options);
}

async function set(key: string, values: readonly string[], options: SetOptions): Promise<void> {
  const { file, remove = false } = options;
  if (remove === values.length > 0) {
    throw new SottoError('invalid_argument', 'Say what to write, as column=value, or --remove.');
  }
  await using client = LookupClient.connect(await sealedOptions(options));
  const update = remove ? null : Object.fromEntries(values.map(assignment));
  const row = await client.set(key, update, file === undefined ? {} : { file });
  if (row === null && !options.json) return printLine(`${key} is removed.`);
  show(row, options);
}

async function watch(key: string, options: AskOptions & { readonly file?: string }): Promise<void> {
  const { file, json } = options;
  await using client = LookupClient.connect(await sealedOptions(options));
  const stopping = new AbortController();
  void stopRequested().then(() => stopping.abort());
  const place = file === undefined ? {} : { file };
  for await (const state of client.watch(key, { ...place, signal: stopping.signal })) {
    if (json) printJson(state);
    else printLine(state.row === null ? `${key} is not there` : textOf(state.row));
  }
}

async function keys(
  beginning: string | undefined,
  options: AskOptions & { readonly file?: string },
): Promise<void> {
  await using client = LookupClient.connect(await sealedOptions(options));
  const { file, json } = options;
  const base = {
    find: beginning ?? '',
    match: 'prefix',
    as: 'keys',
    limit: KEYS_A_PAGE,
    ...(file ? { file } : {}),
  };
  let after: string | null | undefined;
  while (after !== null) {
    const page = (await client.query(after === undefined ? base : { ...base, after })) as LookupPage;
    for (const key of page.keys) json ? printJson(key) : printLine(key);
    after = page.next;
  }
}

async function keygen(file: string, options: { readonly passphrase?: boolean }): Promise<void> {
  const passphrase = options.passphrase ? await readPassphrase(`New passphrase of ${file}: `) : undefined;
  await generateLegacyKey(file, passphrase);
  printLine(`${file} is the private key, ${file}.pub the public one: 1024 bits, for legacy programs alone.`);
}

/** A row as fields, several as lines. */
function show(answer: unknown, { json }: OutputOptions): void {
  if (json || typeof answer !== 'object' || answer === null)
    return printValue(answer, { json: json ?? false });
  if (isPage(answer)) {
    for (const row of answer.rows ?? answer.keys) printLine(textOf(row));
    if (answer.next !== null) process.stderr.write(`There is more: --after ${answer.next}\n`);
    return;
  }
  if (Array.isArray(answer)) return printLine(textOf(answer));
  const fields = Object.entries(answer).map(([name, value]) => [name, wordOf(value)]);
  printFields(Object.fromEntries(fields), {});
}

function isPage(answer: object): answer is LookupPage {
  return 'keys' in answer && Array.isArray(answer.keys) && 'next' in answer;
}

async function askOptions(options: AskOptions): Promise<Omit<Parameters<typeof lookup>[1], 'scheme'>> {
  const { host, port, tcp = false, serverKey, identity, timeout } = options;
  return {
    host,
    port,
    tcp,
    ...(serverKey === undefined ? {} : { serverKey: await readServerKey(serverKey) }),
    ...(identity === undefined ? {} : { identity: await loadIdentity(identity) }),
    ...(timeout === undefined ? {} : { timeout }),
    onNewerKey: noteNewerKey,
  };
}

async function sealedOptions(options: AskOptions): Promise<Parameters<typeof LookupClient.connect>[0]> {
  const { serverKey, ...rest } = await askOptions(options);
  if (serverKey !== undefined) return { ...rest, serverKey };
  throw new SottoError('invalid_argument', '--server-key is missing: the server prints it when it starts.');
}

async function legacyServerKeys(options: ServeOptions): Promise<Pick<DoorOptions, 'legacyKeys'>> {
  const { queryKey, replyKey } = options;
  if (queryKey === undefined) return {};
  return {
    legacyKeys: {
      ...(await privateKey('query', queryKey)),
      ...(replyKey === undefined ? {} : { reply: await readLegacyPublicKey(replyKey) }),
    },
  };
}

async function legacyClientKeys(options: QueryOptions): Promise<{ legacyKeys?: LegacyClientKeys }> {
  const { queryKey, replyKey } = options;
  if (queryKey === undefined || replyKey === undefined) return {};
  return {
    legacyKeys: { ...(await privateKey('reply', replyKey)), query: await readLegacyPublicKey(queryKey) },
  };
}

async function privateKey<Name extends string>(
  name: Name,
  file: string,
): Promise<Record<Name, string> & { passphrase?: string }> {
  const pem = await readLegacyKey(file);
  const own = { [name]: pem } as Record<Name, string>;
  return /ENCRYPTED/.test(pem)
    ? { ...own, passphrase: await readPassphrase(`Passphrase of ${file}: `) }
    : own;
}

function columnOf(column: string | undefined): string | number | undefined {
  return column !== undefined && /^-?\d{1,4}$/.test(column) ? Number(column) : column;
}

/** `column=text`, or `column:=JSON`. */
function assignment(text: string): [string, unknown] {
  const [, column = '', isJson, value = ''] = /^(.+?)(:?)=(.*)$/s.exec(text) ?? [];
  if (column === '') throw new SottoError('invalid_argument', `"${text}" is not column=value.`);
  if (isJson !== ':') return [column, value];
  try {
    return [column, JSON.parse(value)];
  } catch (cause) {
    throw new SottoError('invalid_argument', `${column}: ${value} is not JSON.`, { cause });
  }
}
