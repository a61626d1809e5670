/** One secret that publishers and subscribers share, and its text: `sotto-topic-secret:1a2b3c4d:` and 43 characters. */

import { base64urlnopad } from '@scure/base';
import { primitives } from '#crypto';
import type { Bytes } from '../bytes/bytes.ts';
import { encodeHex } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import { KEY_SIZE } from './key-like.ts';

/** A secret: whoever has it reads and writes messages on every sealed topic. */
export interface TopicSecret {
  /** What messages name it by, 0 to 2^32 - 1; public. */
  readonly keyId: number;
  /** 32 random bytes. */
  readonly secret: Bytes;
}

const PREFIX = 'sotto-topic-secret';
const TEXT = new RegExp(`^${PREFIX}:([0-9a-f]{8}):([\\w-]{43})$`);
const KEY_ID_SIZE = 4;
const MAX_KEY_ID = 0xffff_ffff;

/** 32 fresh bytes under a random key id. */
export function newTopicSecret(): TopicSecret {
  const keyId = encodeHex(primitives.randomBytes(KEY_ID_SIZE));
  return { keyId: Number.parseInt(keyId, 16), secret: primitives.randomBytes(KEY_SIZE) };
}

/** A secret as text, which is one as well. */
export function formatTopicSecret({ keyId, secret }: TopicSecret): string {
  return `${PREFIX}:${formatKeyId(keyId)}:${base64urlnopad.encode(secret)}`;
}

/**
 * A copy of a secret given as text or in parts.
 *
 * @throws SottoError `invalid_key`.
 */
export function topicSecretFrom(value: string | TopicSecret): TopicSecret {
  if (typeof value === 'string') return parseTopicSecret(value.trim());
  const { keyId, secret } = value ?? {};
  if (!Number.isInteger(keyId) || keyId < 0 || keyId > MAX_KEY_ID) {
    throw new SottoError('invalid_key', 'The key id of a topic secret is a whole number from 0 to 2^32 - 1.');
  }
  if (!(secret instanceof Uint8Array) || secret.length !== KEY_SIZE) {
    throw new SottoError('invalid_key', `A topic secret has ${KEY_SIZE} bytes.`);
  }
  return { keyId, secret: new Uint8Array(secret) };
}

/** Key ids are shown to people as 8 hex digits. */
export function formatKeyId(keyId: number): string {
  return keyId.toString(16).padStart(2 * KEY_ID_SIZE, '0');
}

/** @throws SottoError `invalid_argument`. */
export function parseKeyId(text: string): number {
  if (/^[0-9a-f]{8}$/.test(text)) return Number.parseInt(text, 16);
  throw new SottoError('invalid_argument', 'A key id has 8 hex digits, such as 1a2b3c4d.');
}

function parseTopicSecret(text: string): TopicSecret {
  const [, keyId = '', secret = ''] = TEXT.exec(text) ?? [];
  try {
    return { keyId: parseKeyId(keyId), secret: base64urlnopad.decode(secret) };
  } catch {
    // Without the cause, whose text repeats a piece of the secret.
    const form = `${PREFIX}:KEYID:SECRET, with 8 hex digits and 43 characters of base64url`;
    throw new SottoError('invalid_key', `A topic secret reads ${form}; this one does not.`);
  }
}
