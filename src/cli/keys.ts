/** `sotto keygen` and `sotto id`. */

import { access, readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { renderUnicodeCompact } from 'uqr';
import { hybridPublicKeyOf } from '../envelope/hybrid-identity.ts';
import { messageOf, SottoError } from '../errors.ts';
import { hybridPublicKeyText } from '../keys/hybrid-key.ts';
import { Identity } from '../keys/identity.ts';
import { IdentityRing } from '../keys/identity-ring.ts';
import { PublicKey } from '../keys/public-key.ts';
import { prunePreviousKeys } from '../keys/rotation.ts';
import { loadOrMakeIdentity } from '../node/node-keys.ts';
import { type OutputOptions, printFields, printJson, printLine, readPassphrase } from './terminal.ts';

interface KeygenOptions extends OutputOptions {
  readonly passphrase?: boolean;
  readonly import?: string;
  readonly force?: boolean;
}

interface IdOptions extends OutputOptions {
  readonly export?: 'hex' | 'pem';
  readonly postQuantum?: boolean;
  readonly qr?: boolean;
}

/** For what opens key files. */
type Sealed = { readonly passphrase?: string };

/** Light around a code, in modules, so that a camera finds it. */
const QR_BORDER = 2;

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
    .option('--qr', 'draw the public key as a QR code, too')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto id home.key')
    .action(showId);
}

/** The identity in a file, asking for a passphrase only where there is one. */
export function loadIdentity(file: string): Promise<Identity> {
  return withPassphrase(file, (sealed) => Identity.load(file, sealed));
}

/** Does what needs a key file; with its passphrase, which is asked for, where there is one. */
export async function withPassphrase<T>(file: string, work: (sealed: Sealed) => Promise<T>): Promise<T> {
  try {
    return await work({});
  } catch (error) {
    if (!(error instanceof SottoError) || error.code !== 'passphrase_required') throw error;
    return await work({ passphrase: await readPassphrase(`Passphrase of ${file}: `) });
  }
}

/** A server's own identity: from a file, which is made where it is missing. */
export async function ownIdentity(file: string): Promise<Identity> {
  return (await exists(file)) ? loadIdentity(file) : loadOrMakeIdentity(file);
}

/** A server's own keys, those before the current one among them. */
export interface OwnIdentities {
  readonly identities: IdentityRing;
  /** What the file says later; nobody is asked for the passphrase again. */
  load(): Promise<IdentityRing>;
  /** That opens the file; empty where it is not sealed. */
  readonly sealed: Sealed;
}

/** As {@link ownIdentity}, with the keys that are still accepted. */
export async function ownIdentities(file: string): Promise<OwnIdentities> {
  if (!(await exists(file))) await loadOrMakeIdentity(file);
  return withPassphrase(file, async (sealed) => {
    const load = (): Promise<IdentityRing> => IdentityRing.load(file, sealed);
    return { identities: await load(), load, sealed };
  });
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function keygen(file: string, options: KeygenOptions): Promise<void> {
  const identity = options.import === undefined ? Identity.generate() : await importIdentity(options.import);
  const sealed = options.passphrase ? { passphrase: await newPassphrase(file) } : {};
  const overwrite = options.force ?? false;
  // What was there is replaced, with all that was accepted besides: that first, lest it outlives its key.
  if (overwrite || !(await exists(file))) await prunePreviousKeys(file, Number.POSITIVE_INFINITY);
  await identity.save(file, { ...sealed, overwrite });
  printFields({ file, ...describeKey(identity.publicKey) }, options);
}

async function newPassphrase(file: string): Promise<string> {
  const passphrase = await readPassphrase(`New passphrase of ${file}: `);
  if (passphrase !== '') return passphrase;
  throw new SottoError('invalid_argument', 'The passphrase is empty; leave --passphrase out to have none.');
}

async function showId(fileOrKey: string, options: IdOptions): Promise<void> {
  if (options.qr && (options.export !== undefined || options.postQuantum)) {
    const text =
      '--qr draws the public key alone: a post-quantum one is too long, and a private one is not to be shown.';
    throw new SottoError('invalid_argument', text);
  }
  if (options.export === undefined && !options.postQuantum && fileOrKey.startsWith('sotto1')) {
    return printKey({}, PublicKey.from(fileOrKey), options);
  }
  const identity = await loadIdentity(fileOrKey);
  if (options.export !== undefined) return printLine(exported(identity, options.export));
  if (options.postQuantum) return printLine(hybridPublicKeyText(hybridPublicKeyOf(identity)));
  printKey({ file: fileOrKey }, identity.publicKey, options);
}

function printKey(of: { file?: string }, key: PublicKey, { qr, json }: IdOptions): void {
  const drawn = qr ? renderUnicodeCompact(key.toString(), { border: QR_BORDER }) : null;
  if (json) return printJson({ ...of, ...describeKey(key), ...(drawn === null ? {} : { qr: drawn }) });
  if (drawn !== null) printLine(`${drawn}\n`);
  printFields({ ...of, ...describeKey(key) }, {});
}

export function describeKey(key: PublicKey): Record<string, string> {
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
