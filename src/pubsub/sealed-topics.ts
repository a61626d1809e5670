/** Which topics are sealed, and the sealing: what stands between programs and a broadcaster that should not read along. */

import { assertNumber } from '../bytes/assert.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { TopicCipher } from '../envelope/topic.ts';
import { codeOf, SottoError } from '../errors.ts';
import { TopicKeyring, type TopicKeyringOptions } from '../keys/topic-keyring.ts';
import { formatTopicSecret, newTopicSecret } from '../keys/topic-secret.ts';
import { TOPIC_OVERHEAD } from '../wire/topic.ts';
import { parseGlob } from './topics/glob.ts';
import { GlobIndex } from './topics/glob-index.ts';

/** Both ends of a sealed topic. */
export interface TopicSeal {
  /** Bytes of the longest sealed message that is opened: whoever has a longer one need not read it. */
  readonly maxSealed: number;
  /** Whether messages on this topic are sealed: then what does not open must not be handed on. */
  covers(topic: Bytes): boolean;
  /** @throws SottoError `body_too_large`. */
  seal(topic: Bytes, body: Bytes): Bytes;
  /** Null for all that does not open, whatever the reason. */
  open(topic: Bytes, sealed: Bytes): Bytes | null;
}

export interface SealedTopicsOptions {
  /** May be changed later: the next message is sealed and opened with what it has then. */
  readonly keyring: TopicKeyring;
  /** Bytes of one body, which is in memory twice while it is sealed or opened, 1 GiB at most. Default 64 MiB. */
  readonly maxBody?: number;
}

const MEBIBYTE = 1024 * 1024;
const MAX_BODY = 1024 * MEBIBYTE;

/** @throws SottoError `invalid_option`. */
export function sealedTopics({ keyring, maxBody = 64 * MEBIBYTE }: SealedTopicsOptions): TopicSeal {
  assertNumber(maxBody, 'maxBody (bytes)', 0, MAX_BODY);
  const topics = indexOf(keyring);
  const cipher = new TopicCipher(keyring);
  const maxSealed = maxBody + TOPIC_OVERHEAD;
  return {
    maxSealed,
    covers: (topic) => topics.match(topic).length > 0,
    seal(topic, body) {
      if (body.length <= maxBody) return cipher.seal(topic, body);
      const text = `A message of ${body.length} bytes is too long to be sealed; ${maxBody} is the limit (maxBody).`;
      throw new SottoError('body_too_large', text);
    },
    open(topic, sealed) {
      if (sealed.length > maxSealed) return null;
      try {
        return cipher.open(topic, sealed);
      } catch (error) {
        if (codeOf(error) !== 'decrypt_failed') throw error;
        return null;
      }
    },
  };
}

/**
 * The secrets that publishers and subscribers of sealed topics share.
 *
 * @throws SottoError `invalid_key` for what is no secret, `invalid_option`.
 *
 * @example
 * ```ts
 * import { generateTopicSecret, topicKeyring } from 'sotto/pubsub';
 * const keyring = topicKeyring({ secrets: generateTopicSecret(), topics: ['orders/*'] });
 * console.log(keyring.keyIds);
 * ```
 */
export function topicKeyring(options: TopicKeyringOptions): TopicKeyring {
  return checked(TopicKeyring.from(options));
}

/**
 * The same from a file, as `sotto topic-key new FILE` makes it.
 *
 * @throws SottoError `key_file_missing`, `key_file_exposed` (others can read or write it), `key_file_invalid`,
 * `invalid_option`.
 */
export async function topicKeyringFromFile(file: string): Promise<TopicKeyring> {
  return checked(await TopicKeyring.load(file));
}

/** A fresh secret under a random key id: `sotto-topic-secret:1a2b3c4d:` and 43 characters. To be kept as a password is. */
export function generateTopicSecret(): string {
  return formatTopicSecret(newTopicSecret());
}

function checked(keyring: TopicKeyring): TopicKeyring {
  indexOf(keyring);
  return keyring;
}

/** A glob that matches nothing would leave in the clear what somebody wants sealed. */
function indexOf({ topics }: TopicKeyring): GlobIndex<true> {
  const index = new GlobIndex<true>();
  for (const glob of topics) {
    if (glob === '' || parseGlob(glob) === null) {
      const text = `"${glob}" in topics seals nothing; write a topic, or a glob such as "orders/*" ("[" needs its "]").`;
      throw new SottoError('invalid_option', text);
    }
    index.add(glob, true);
  }
  return index;
}
