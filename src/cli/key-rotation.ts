/** `sotto keys`: a server's key is changed without losing those who know the old one, and keys are refused for good. */

import type { Command } from 'commander';
import { codeOf, SottoError } from '../errors.ts';
import { type PreviousKey, readPreviousKeys } from '../keys/previous-keys.ts';
import { PublicKey } from '../keys/public-key.ts';
import { RevokedKeys } from '../keys/revoked-keys.ts';
import { dropPreviousKey, prunePreviousKeys, rotateIdentity } from '../keys/rotation.ts';
import { duration } from './duration.ts';
import { describeKey, loadIdentity, withPassphrase } from './keys.ts';
import { type OutputOptions, printFields, printJson, printLine } from './terminal.ts';

interface RotateOptions extends OutputOptions {
  readonly overlap?: number;
}

interface RevokeOptions extends OutputOptions {
  readonly list: string;
  readonly identity: string;
  readonly why: string;
}

const FILE = "the server's key file";

export function addKeyRotationCommands(program: Command): void {
  const group = program.command('keys').description('give a server a new key, and refuse keys for good');
  group
    .command('rotate')
    .argument('<file>', FILE)
    .description('make a new key; the one before it is accepted for a while')
    .option('--overlap <time>', 'how long, such as 12h or 90d; 0s: not at all (default: 30d)', duration)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nA node that runs takes the new key on SIGHUP, or when it is started anew.')
    .addHelpText('after', '\nExample:\n  sotto keys rotate .sotto/identity.key --overlap 90d')
    .action(rotate);
  group
    .command('list')
    .argument('<file>', FILE)
    .description('show the key, and those before it with the time at which each ends')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto keys list .sotto/identity.key')
    .action(list);
  group
    .command('prune')
    .argument('<file>', FILE)
    .description('delete the keys that have ended')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto keys prune .sotto/identity.key')
    .action(prune);
  group
    .command('revoke')
    .argument('<key>', 'a public key (sotto1…), or its fingerprint')
    .description('refuse a key for good, be it of a client, of a peer, or of your own before the current one')
    .option('--list <file>', 'where revoked keys are', '.sotto/revoked.json')
    .option(
      '--identity <file>',
      'your own key file, whose previous keys are looked through',
      '.sotto/identity.key',
    )
    .option('--why <text>', 'a word for whoever reads the list', '')
    .option('--json', 'print JSON')
    .addHelpText('after', "\nExample:\n  sotto keys revoke sotto1… --why 'the laptop was stolen'")
    .action(revoke);
}

async function rotate(file: string, { overlap, json }: RotateOptions): Promise<void> {
  const { current, before, previous } = await withPassphrase(file, (sealed) =>
    rotateIdentity(file, { ...sealed, ...(overlap === undefined ? {} : { overlap }) }),
  );
  const ends = previous.find(({ publicKey }) => publicKey.equals(before));
  if (json) return printJson({ ...described(file, current), before, previous: previous.map(row) });
  const until = ends === undefined ? 'not accepted any more' : `accepted until ${timeOf(ends)}`;
  printFields({ file, ...describeKey(current), 'key before': `${before}, ${until}` }, {});
}

async function list(file: string, { json }: OutputOptions): Promise<void> {
  const { publicKey } = await loadIdentity(file);
  // The current key is among them where a rotation was stopped in between.
  const previous = (await readPreviousKeys(file)).filter((key) => !key.publicKey.equals(publicKey));
  if (json) return printJson({ ...described(file, publicKey), previous: previous.map(row) });
  printFields({ file, ...describeKey(publicKey) }, {});
  if (previous.length === 0) return printLine('\nThere is no key before it.');
  printLine('\nbefore it');
  for (const key of previous) {
    printLine(`  ${key.publicKey}  ${isOver(key) ? 'ended' : 'accepted until'} ${timeOf(key)}`);
  }
}

async function prune(file: string, { json }: OutputOptions): Promise<void> {
  const gone = await prunePreviousKeys(file);
  if (json) return printJson({ file, pruned: gone.map(row) });
  if (gone.length === 0) return printLine('No key has ended.');
  for (const key of gone) printLine(`${key.publicKey}  ended ${timeOf(key)}, and is deleted`);
}

async function revoke(text: string, options: RevokeOptions): Promise<void> {
  const key = text.startsWith('sotto1') ? PublicKey.from(text) : null;
  const id = key?.fingerprint ?? text.toLowerCase();
  const own = await ownKeys(options.identity);
  if (own?.current === id) throw isCurrent(options.identity);
  const ended = own?.previous.find(({ publicKey }) => publicKey.fingerprint === id);
  const revoked = await RevokedKeys.load(options.list);
  const isNew = await revoked.add(id, options.why);
  if (ended) await dropPreviousKey(options.identity, ended.publicKey);
  if (options.json) return printJson({ id, list: options.list, isNew, wasOwn: ended !== undefined });
  printLine(`${id} ${isNew ? 'is revoked' : 'was revoked already'}: ${options.list}`);
  if (ended) printLine(`It was a key before that of ${options.identity}, and is deleted.`);
}

/** Null where there is no such file. A sealed one needs its passphrase, so that the current key is known for sure. */
async function ownKeys(
  file: string,
): Promise<{ readonly current: string; readonly previous: readonly PreviousKey[] } | null> {
  try {
    const { publicKey } = await loadIdentity(file);
    return { current: publicKey.fingerprint, previous: await readPreviousKeys(file) };
  } catch (error) {
    if (codeOf(error) === 'key_file_missing') return null;
    throw error;
  }
}

function isCurrent(file: string): SottoError {
  const text =
    `That is the current key of ${file}. Give it a new one first, and let the old one end at once: ` +
    `sotto keys rotate ${file} --overlap 0s`;
  return new SottoError('invalid_argument', text);
}

function described(file: string, key: PublicKey): Record<string, unknown> {
  return { file, publicKey: key, fingerprint: key.fingerprint, words: key.words };
}

function row(key: PreviousKey): Record<string, unknown> {
  return { publicKey: key.publicKey, until: timeOf(key), isAccepted: !isOver(key) };
}

function isOver({ until }: PreviousKey): boolean {
  return until <= Date.now();
}

function timeOf({ until }: PreviousKey): string {
  return new Date(until).toISOString();
}
