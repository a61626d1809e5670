/**
 * Messages sealed for everybody who holds a topic's secret: AES-256-GCM, a key for each topic and secret, a random nonce.
 *
 * HKDF takes no salt, since the secret is random already. Its info names version, key id and topic in turn, of which only
 * the last has no fixed length; so a message cannot be moved to another topic, key id or version.
 *
 * A key may seal 2^32 messages: then two nonces are the same with a probability of 2^-33 (NIST SP 800-38D, section 8.3,
 * allows 2^-32). Nobody can count them, for any publisher seals with the same key; a thousand a second on one topic take
 * 49 days, after which the secret should have been rotated.
 *
 * Source: specs/native.md, section 8.
 */

import { primitives as platformPrimitives } from '#crypto';
import { type Bytes, concat, mapKey } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { SottoError } from '../errors.ts';
import type { TopicKeyring } from '../keys/topic-keyring.ts';
import type { TopicSecret } from '../keys/topic-secret.ts';
import type { Primitives } from '../platform/types.ts';
import { decodeTopicMessage, encodeTopicMessage, TOPIC_NONCE_SIZE, TOPIC_TAG_SIZE } from '../wire/topic.ts';

const LABEL = encodeUtf8('sotto/topic/1');
const NO_SALT = new Uint8Array(0);
const KEY_SIZE = 32;

// Chosen: keys of topics seen lately, about a megabyte at most. Longer topics are rare, and derived each time.
const REMEMBERED_KEYS = 1024;
const MAX_REMEMBERED_TOPIC = 512;

interface RememberedKey {
  /** What it was derived from: a key id may come to stand for another secret. */
  readonly source: TopicSecret;
  readonly key: Bytes;
}

export class TopicCipher {
  readonly #keyring: TopicKeyring;
  readonly #primitives: Primitives;
  /** The one used last comes last. */
  readonly #keys = new Map<string, RememberedKey>();

  constructor(keyring: TopicKeyring, primitives: Primitives = platformPrimitives) {
    this.#keyring = keyring;
    this.#primitives = primitives;
  }

  /** The body as a sealed topic message, 33 bytes longer. */
  seal(topic: Bytes, body: Bytes): Bytes {
    const { aesGcm, randomBytes } = this.#primitives;
    const secret = this.#keyring.current;
    const key = this.#keyOf(secret, topic);
    const nonce = randomBytes(TOPIC_NONCE_SIZE);
    const sealed = new Uint8Array(body.length + TOPIC_TAG_SIZE);
    aesGcm.seal(key, nonce, topic, [body], sealed, 0);
    this.#remember(secret, topic, key);
    return encodeTopicMessage({ keyId: secret.keyId, nonce, sealed });
  }

  /**
   * The body of a sealed topic message.
   *
   * @throws SottoError `decrypt_failed`, the same whether it is not sealed at all, names a key that is not here, is of
   * another topic, or was altered.
   */
  open(topic: Bytes, bytes: Bytes): Bytes {
    const { keyId, nonce, sealed } = messageIn(bytes);
    const secret = this.#keyring.find(keyId);
    if (secret === undefined) throw doesNotOpen();
    const key = this.#keyOf(secret, topic);
    const body = this.#primitives.aesGcm.open(key, nonce, topic, sealed);
    if (body === null) throw doesNotOpen();
    this.#remember(secret, topic, key); // only what was proved: junk drives out nobody's key
    return body;
  }

  #keyOf(secret: TopicSecret, topic: Bytes): Bytes {
    const known = isShort(topic) ? this.#keys.get(nameOf(secret, topic)) : undefined;
    if (known?.source === secret) return known.key;
    const info = concat(LABEL, new Writer(4).u32(secret.keyId).finish(), topic);
    return this.#primitives.hkdfSha256(secret.secret, NO_SALT, info, KEY_SIZE);
  }

  #remember(source: TopicSecret, topic: Bytes, key: Bytes): void {
    if (!isShort(topic)) return;
    const name = nameOf(source, topic);
    this.#keys.delete(name);
    const oldest = this.#keys.size >= REMEMBERED_KEYS ? this.#keys.keys().next().value : undefined;
    if (oldest !== undefined) this.#keys.delete(oldest);
    this.#keys.set(name, { source, key });
  }
}

function isShort(topic: Bytes): boolean {
  return topic.length <= MAX_REMEMBERED_TOPIC;
}

function nameOf({ keyId }: TopicSecret, topic: Bytes): string {
  return `${keyId}:${mapKey(topic)}`;
}

function messageIn(bytes: Bytes): ReturnType<typeof decodeTopicMessage> {
  try {
    return decodeTopicMessage(bytes);
  } catch {
    throw doesNotOpen();
  }
}

/** One text for all reasons, and no cause: neither tells which check failed. */
function doesNotOpen(): SottoError {
  const text = 'The message does not open: not sealed, sealed with another secret, or altered on the way.';
  return new SottoError('decrypt_failed', text);
}
