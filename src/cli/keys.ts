/** `sotto keygen` and `sotto id`. */

import { access, readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { hybridPublicKeyOf } from '../envelope/hybrid-identity.ts';
import { messageOf, SottoError } from '../errors.ts';
import { hybridPublicKeyText } from '../keys/hybrid-key.ts';
import { Identity } from '../keys/identity.ts';
import { PublicKey } from '../keys/public-key.ts';
import { loadOrMakeIdentity } from '../node/serve.ts';
import { type OutputOptions, printFields, printLine, readPassphrase } from './terminal.ts';

interface KeygenOptions extends OutputOptions {
  readonly passphrase?: boolean;
  readonly import?: string;
  readonly force?: boolean;
}

interface IdOptions extends OutputOptions {
  readonly export?: 'hex' | 'pem';
  readonly postQuantum?: boolean;
}

export function addKeyCommands(program: Command): void {
  program
    .command('keygen')
    .argument('<file>', 'where the key goes; readable by you alone')
    .description('make a key pair')
    .option('--passphrase', 'seal the file under a passphrase (asked for, or SOTTO_PASSPHRASE)')
    .option('--import <file>', 'take the private key from a PKCS8 PEM, or from hex as PSSST programs keep it')
    .option('--force', 'replace an existing file')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto keygen home.key')
    .action(keygen);
  program
    .command('id')
    .argument('<file-or-key>', 'a key file, or a public key')
    .description('show who a key is: public key, fingerprint, words to read aloud')
    .option('--export <form>', 'print the PRIVATE key instead: hex (as PSSST programs keep it) or pem')
    .option('--post-quantum', 'print the post-quantum public key, about 1950 characters')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto id home.key')
    .action(showId);
}

/** The identity in a file, asking for a passphrase only where there is one. */
export async function loadIdentity(file: string): Promise<Identity> {
  try {
    return await Identity.load(file);
  } catch (error) {
    if (!(error instanceof SottoError) || error.code !== 'passphrase_required') throw error;
    return await Identity.load(file, { passphrase: await readPassphrase(`Passphrase of ${file}: `) });
  }
}

/** A server's own identity: from a file, which is made where it is missing. */
export async function ownIdentity(file: string): Promise<Identity> {
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  return exists ? loadIdentity(file) : loadOrMakeIdentity(file);
}

async function keygen(file: string, options: KeygenOptions): Promise<void> {
  const identity = options.import === undefined ? Identity.generate() : await importIdentity(options.import);
  const sealed = options.passphrase ? { passphrase: await newPassphrase(file) } : {};
  await identity.save(file, { ...sealed, overwrite: options.force ?? false });
  printFields({ file, ...describeKey(identity.publicKey) }, options);
}

async function newPassphrase(file: string): Promise<string> {
  const passphrase = await readPassphrase(`New passphrase of ${file}: `);
  if (passphrase !== '') return passphrase;
  throw new SottoError('invalid_argument', 'The passphrase is empty; leave --passphrase out to have none.');
}

async function showId(fileOrKey: string, options: IdOptions): Promise<void> {
  if (options.export === undefined && !options.postQuantum && fileOrKey.startsWith('sotto1')) {
    return printFields(describeKey(PublicKey.from(fileOrKey)), options);
  }
  const identity = await loadIdentity(fileOrKey);
  if (options.export !== undefined) return printLine(exported(identity, options.export));
  if (options.postQuantum) return printLine(hybridPublicKeyText(hybridPublicKeyOf(identity)));
  printFields({ file: fileOrKey, ...describeKey(identity.publicKey) }, options);
}

function describeKey(key: PublicKey): Record<string, string> {
  return { 'public key': key.toString(), fingerprint: key.fingerprint, words: key.words };
}

function exported(identity: Identity, form: string): string {
  if (form === 'hex') return identity.toHex();
  if (form === 'pem') return identity.toPem().trimEnd();
  throw new SottoError('invalid_argument', `--export takes hex or pem, not "${form}".`);
}

/** Any form of private key; its file may be open to others, since it is about to be replaced by one that is not. */
async function importIdentity(file: string): Promise<Identity> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new SottoError('key_file_missing', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  return text.includes('-----BEGIN') ? Identity.fromPem(text) : Identity.from(text);
}
