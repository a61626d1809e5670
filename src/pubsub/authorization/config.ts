/** Authorization as programs ask for it: by token, by HMAC, or by the secrets files of the original. */

import { files } from '#files';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import { type AuthConfig, type Authorizer, NO_AUTHORIZER } from './authorization.ts';
import { HmacAuthorizer, type HmacKey, newSecret } from './hmac.ts';
import { MemoryReplayStore, type ReplayStore, SqliteReplayStore } from './replay-store.ts';
import { TokenAuthorizer, type TokenKey } from './token.ts';

/** The tokens of both directions, for {@link tokenAuth}. */
export interface TokenAuthOptions {
  /** Proves subscribers: a token, or several with what each may do. Default: nothing does. */
  readonly toBroadcaster?: string | readonly TokenKey[];
  /** Proves broadcasters. Default: nothing does. */
  readonly toSubscriber?: string | readonly TokenKey[];
}

/** The keys of both directions, for {@link hmacAuth}. */
export interface HmacAuthOptions {
  /** Proves subscribers: a secret (86 characters, base64url of 64 bytes), or several. Default: nothing does. */
  readonly toBroadcaster?: string | readonly HmacKey[];
  /** Proves broadcasters. Default: nothing does. */
  readonly toSubscriber?: string | readonly HmacKey[];
  /** Where codes that were seen are remembered: `memory` (default), `sqlite:FILE`, or a store of one's own. */
  readonly replays?: 'memory' | `sqlite:${string}` | ReplayStore;
  /** A clock in ms since 1970, for tests. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * The same token in every message of a direction; over TLS.
 *
 * @throws SottoError `invalid_option`.
 */
export function tokenAuth({ toBroadcaster, toSubscriber }: TokenAuthOptions): AuthConfig {
  const of = (keys: string | readonly TokenKey[] | undefined): Authorizer =>
    keys === undefined
      ? NO_AUTHORIZER
      : new TokenAuthorizer(typeof keys === 'string' ? [{ token: keys }] : keys);
  return { toBroadcaster: of(toBroadcaster), toSubscriber: of(toSubscriber) };
}

/**
 * Every message signed, in its time and once; no TLS needed for that.
 *
 * @throws SottoError `invalid_key` for a secret that is none, `invalid_option`.
 */
export function hmacAuth({ toBroadcaster, toSubscriber, replays, now }: HmacAuthOptions): AuthConfig {
  const options = { replays: replayStoreOf(replays), ...(now === undefined ? {} : { now }) };
  const of = (keys: string | readonly HmacKey[] | undefined): Authorizer =>
    keys === undefined
      ? NO_AUTHORIZER
      : new HmacAuthorizer(typeof keys === 'string' ? [{ secret: keys }] : keys, options);
  return { toBroadcaster: of(toBroadcaster), toSubscriber: of(toSubscriber) };
}

function replayStoreOf(replays: HmacAuthOptions['replays'] = 'memory'): ReplayStore {
  if (typeof replays === 'object') return replays;
  if (replays === 'memory') return new MemoryReplayStore();
  if (replays.startsWith('sqlite:')) return new SqliteReplayStore(replays.slice('sqlite:'.length));
  throw new SottoError('invalid_option', `replays is "memory" or "sqlite:FILE", not "${replays}".`);
}

/** One direction in a secrets file. */
interface Secret {
  readonly type: 'hmac' | 'token';
  readonly secret: string;
  /** Those that are believed as well, and never sent: while one follows another. The originals know nothing of them. */
  readonly also?: readonly string[];
}

const VERSION = '2';
/** Each costs a computation at what is not signed with the first. */
const MAX_ALSO = 3;
const DIRECTIONS = ['to-broadcaster', 'to-subscriber'] as const;
const FILES = ['broadcaster-secrets.json', 'subscriber-secrets.json'];

/**
 * The authorization that a `broadcaster-secrets.json` or `subscriber-secrets.json` describes.
 *
 * @throws SottoError `key_file_missing`, `key_file_exposed` for a file that others can use, `key_file_invalid`.
 */
export async function authFromFile(
  file: string,
  options: Pick<HmacAuthOptions, 'replays' | 'now'> = {},
): Promise<AuthConfig> {
  const secrets = parsedSecrets(decodeUtf8(await files.readPrivate(file)), file);
  const [toBroadcaster, toSubscriber] = DIRECTIONS.map((name) => secrets[name]);
  const hmac = hmacAuth({ ...options, ...secretsOf({ toBroadcaster, toSubscriber }, 'hmac') });
  const token = tokenAuth(secretsOf({ toBroadcaster, toSubscriber }, 'token'));
  return {
    toBroadcaster: (toBroadcaster?.type === 'token' ? token : hmac).toBroadcaster,
    toSubscriber: (toSubscriber?.type === 'token' ? token : hmac).toSubscriber,
  };
}

function secretsOf(
  secrets: Readonly<Record<'toBroadcaster' | 'toSubscriber', Secret | undefined>>,
  type: Secret['type'],
): { toBroadcaster?: readonly Key[]; toSubscriber?: readonly Key[] } {
  const entries = Object.entries(secrets).flatMap(([name, each]) =>
    each?.type === type ? [[name, [each.secret, ...(each.also ?? [])].map(keyOf)]] : [],
  );
  return Object.fromEntries(entries);
}

/** What either kind of authorization takes. */
type Key = HmacKey & TokenKey;

function keyOf(secret: string): Key {
  return { secret, token: secret };
}

function parsedSecrets(text: string, file: string): Readonly<Record<string, Secret | undefined>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidFile(file, 'it is not JSON'); // without the text, which is secret
  }
  if (typeof value !== 'object' || value === null) throw invalidFile(file, 'it is no object');
  const { version, ...directions } = value as Record<string, unknown>;
  if (version !== VERSION) throw invalidFile(file, `its version is not "${VERSION}"`);
  for (const name of DIRECTIONS) {
    if (directions[name] !== undefined && !isSecret(directions[name])) {
      throw invalidFile(
        file,
        `"${name}" needs a type (hmac or token) and a secret; "also" is a list of up to ${MAX_ALSO} others`,
      );
    }
  }
  return directions as Record<string, Secret>;
}

function isSecret(value: unknown): value is Secret {
  if (typeof value !== 'object' || value === null) return false;
  const { type, secret, also = [] } = value as Record<string, unknown>;
  const areTexts = Array.isArray(also) && also.every((each) => typeof each === 'string');
  return (
    (type === 'hmac' || type === 'token') && typeof secret === 'string' && areTexts && also.length <= MAX_ALSO
  );
}

function invalidFile(file: string, why: string): SottoError {
  return new SottoError('key_file_invalid', `${file} is no secrets file: ${why}.`);
}

/**
 * Makes fresh secrets for both directions and writes both files, which say the same.
 *
 * @param folder where to.
 * @returns the files' paths.
 * @throws SottoError `key_file_exists`, `key_file_invalid`.
 */
export async function writeSecretsFiles(folder: string, type: Secret['type']): Promise<readonly string[]> {
  const secrets = {
    version: VERSION,
    ...Object.fromEntries(DIRECTIONS.map((name) => [name, { type, secret: newSecret() }])),
  };
  const content = encodeUtf8(`${JSON.stringify(secrets, null, 2)}\n`);
  const paths = FILES.map((name) => `${folder.replace(/\/$/, '')}/${name}`);
  for (const path of paths) await files.writePrivate(path, content, { overwrite: false });
  return paths;
}
