import { files } from '#files';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import { decodeTopicKeyringFile, encodeTopicKeyringFile } from './topic-keyring-file.ts';
import {
  formatKeyId,
  formatTopicSecret,
  newTopicSecret,
  parseKeyId,
  type TopicSecret,
  topicSecretFrom,
} from './topic-secret.ts';

// Chosen: a keyring fits the 64 KiB that a private file may have, and a careless loop finds its end.
const MAX_SECRETS = 64;
const MAX_TOPICS = 256;
const MAX_FILE = 64 * 1024;

export interface TopicKeyringOptions {
  /** One secret or several, at most 64, as text or in parts: the first seals, all of them open. */
  readonly secrets: string | TopicSecret | readonly (string | TopicSecret)[];
  /** Which topics are sealed: globs as SQLite has them, at most 256. Default all. */
  readonly topics?: readonly string[];
}

/**
 * The secrets that publishers and subscribers share, so that the broadcaster between them cannot read what it carries.
 *
 * To change the secret without losing a message, give the new one to every subscriber first and to publishers last; drop
 * the old one once nothing sealed with it is still on its way. Never printed: text, JSON and inspection show key ids.
 *
 * @example
 * ```ts
 * import { topicKeyring, generateTopicSecret } from 'sotto/pubsub';
 * const keyring = topicKeyring({ secrets: generateTopicSecret(), topics: ['orders/*'] });
 * const [old = ''] = keyring.keyIds;
 * keyring.rotate();
 * keyring.drop(old);
 * await keyring.save('topics.key');
 * ```
 */
export class TopicKeyring {
  /** Globs of the topics that are sealed. */
  readonly topics: readonly string[];
  #secrets: readonly TopicSecret[];

  static {
    // Inspection with getters would print the secret that seals.
    Object.defineProperty(TopicKeyring.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: TopicKeyring): string {
        return this.toString();
      },
    });
  }

  /** @throws SottoError `invalid_key`, `invalid_option`. */
  static from(options: TopicKeyringOptions): TopicKeyring {
    return new TopicKeyring(options);
  }

  /**
   * From a file that {@link save} wrote.
   *
   * @throws SottoError `key_file_missing`, `key_file_exposed` (others can read or write it), `key_file_invalid`,
   * `unsupported_platform`.
   */
  static async load(file: string): Promise<TopicKeyring> {
    const content = await files.readPrivate(file).catch((cause: unknown) => {
      throw codeOf(cause) === 'key_file_missing' ? missing(file, cause) : cause;
    });
    try {
      return new TopicKeyring(decodeTopicKeyringFile(decodeUtf8(content)));
    } catch (cause) {
      throw new SottoError('key_file_invalid', `${file}: ${messageOf(cause)}`, { cause });
    }
  }

  private constructor({ secrets, topics = ['*'] }: TopicKeyringOptions) {
    const given: readonly (string | TopicSecret)[] = isList(secrets) ? secrets : [secrets];
    if (given.length === 0) throw new SottoError('invalid_option', 'A topic keyring needs a secret.');
    this.topics = checkedTopics(topics);
    this.#secrets = [];
    for (const each of given) this.add(each);
  }

  /** What seals. A secret. */
  get current(): TopicSecret {
    const [current] = this.#secrets;
    if (current) return current;
    throw new SottoError('invalid_key', 'The topic keyring is empty.'); // never: `drop` keeps the first
  }

  /** The key ids as 8 hex digits: the first seals, all of them open. */
  get keyIds(): readonly string[] {
    return this.#secrets.map(({ keyId }) => formatKeyId(keyId));
  }

  /** The secret that a message names; undefined for one that is not here. */
  find(keyId: number): TopicSecret | undefined {
    return this.#secrets.find((each) => each.keyId === keyId);
  }

  /**
   * Opens with one more secret, and goes on sealing with the same.
   *
   * @throws SottoError `invalid_key` for what is no secret, or has the key id of another; `invalid_option` where there
   * are 64.
   */
  add(secret: string | TopicSecret): void {
    this.#secrets = [...this.#secrets, this.#fitting(topicSecretFrom(secret))];
  }

  /**
   * Seals with another secret, and opens with those before it as well.
   *
   * @param secret one that is new, or was added already. Default a fresh one.
   * @returns its key id, 8 hex digits.
   * @throws as {@link add} does.
   */
  rotate(secret?: string | TopicSecret): string {
    const next = secret === undefined ? this.#fresh() : topicSecretFrom(secret);
    const text = formatTopicSecret(next);
    const known = this.#secrets.find((each) => formatTopicSecret(each) === text) ?? this.#fitting(next);
    this.#secrets = [known, ...this.#secrets.filter((each) => each !== known)];
    return formatKeyId(known.keyId);
  }

  /**
   * Forgets a secret: what was sealed with it opens no more.
   *
   * @param keyId 8 hex digits.
   * @returns whether it was there.
   * @throws SottoError `invalid_argument` for the one that seals, or for what is no key id.
   */
  drop(keyId: string): boolean {
    const dropped = this.find(parseKeyId(keyId));
    if (dropped === undefined) return false;
    if (dropped === this.current) {
      throw new SottoError(
        'invalid_argument',
        `The secret ${keyId} is what seals; rotate before you drop it.`,
      );
    }
    this.#secrets = this.#secrets.filter((each) => each !== dropped);
    return true;
  }

  /**
   * Writes the file, mode 0600, whole or not at all.
   *
   * @param options.overwrite Default false.
   * @throws SottoError `key_file_exists`, `key_file_invalid` (it cannot be written there), `unsupported_platform`.
   */
  async save(file: string, options: { overwrite?: boolean } = {}): Promise<void> {
    const secrets = this.#secrets.map(formatTopicSecret);
    const content = encodeUtf8(encodeTopicKeyringFile({ topics: this.topics, secrets }));
    if (content.length > MAX_FILE) {
      throw new SottoError('key_file_invalid', `${file} would be too large for a key file: too many topics.`);
    }
    await files.writePrivate(file, content, { overwrite: options.overwrite ?? false });
  }

  toString(): string {
    return `TopicKeyring(${this.keyIds.join(', ')})`;
  }

  toJSON(): { keyIds: readonly string[]; topics: readonly string[] } {
    return { keyIds: this.keyIds, topics: this.topics };
  }

  #fresh(): TopicSecret {
    const fresh = newTopicSecret();
    return this.find(fresh.keyId) === undefined ? fresh : this.#fresh();
  }

  /** @returns the secret itself. */
  #fitting(secret: TopicSecret): TopicSecret {
    if (this.find(secret.keyId) !== undefined) {
      const text = `Two topic secrets have the key id ${formatKeyId(secret.keyId)}; messages could not tell them apart.`;
      throw new SottoError('invalid_key', text);
    }
    if (this.#secrets.length < MAX_SECRETS) return secret;
    throw new SottoError(
      'invalid_option',
      `A topic keyring has at most ${MAX_SECRETS} secrets; drop old ones.`,
    );
  }
}

function isList(secrets: TopicKeyringOptions['secrets']): secrets is readonly (string | TopicSecret)[] {
  return Array.isArray(secrets);
}

function checkedTopics(topics: readonly string[]): readonly string[] {
  const isGood = Array.isArray(topics) && topics.every((each) => typeof each === 'string');
  if (isGood && topics.length > 0 && topics.length <= MAX_TOPICS) return [...topics];
  throw new SottoError('invalid_option', `topics is a list of 1 to ${MAX_TOPICS} globs, such as "orders/*".`);
}

function missing(file: string, cause: unknown): SottoError {
  const text = `${file} does not exist; make it with: sotto topic-key new ${file}`;
  return new SottoError('key_file_missing', text, { cause });
}
