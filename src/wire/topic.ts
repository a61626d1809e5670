/**
 * The sealed topic message: what a broadcaster carries for publishers and subscribers that share a secret.
 *
 * ```text
 * offset   size  field
 * 0        1     version = 1
 * 1        4     key id: which of the shared secrets
 * 5        12    nonce
 * 17       n     ciphertext
 * 17 + n   16    authentication tag
 * ```
 *
 * AES-256-GCM of the body. key = HKDF-SHA256(secret, no salt, "sotto/topic/1" and the key id in 4 bytes and the topic,
 * 32 bytes); associated data = the topic. Version and key id are bound by the key, which no other pair of them gives.
 *
 * Source: specs/native.md, section 8.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { SottoError } from '../errors.ts';

// Specified.
const VERSION = 1;
export const TOPIC_NONCE_SIZE = 12;
export const TOPIC_TAG_SIZE = 16;
const HEAD_SIZE = 1 + 4 + TOPIC_NONCE_SIZE;

/** Bytes that a sealed message has beyond its body. */
export const TOPIC_OVERHEAD: number = HEAD_SIZE + TOPIC_TAG_SIZE;

export interface TopicMessage {
  /** 0 to 2^32 - 1. */
  readonly keyId: number;
  /** 12 bytes. */
  readonly nonce: Bytes;
  /** Ciphertext and tag. */
  readonly sealed: Bytes;
}

/** @throws SottoError `out_of_bounds` for a key id that does not fit. */
export function encodeTopicMessage({ keyId, nonce, sealed }: TopicMessage): Uint8Array<ArrayBuffer> {
  return new Writer(HEAD_SIZE + sealed.length).u8(VERSION).u32(keyId).bytes(nonce).bytes(sealed).finish();
}

/**
 * Takes a message apart into views.
 *
 * @throws SottoError `invalid_message` for anything that is not a sealed topic message of version 1.
 */
export function decodeTopicMessage(bytes: Bytes): TopicMessage {
  if (bytes.length < TOPIC_OVERHEAD) {
    throw invalid(`it has ${bytes.length} bytes and needs ${TOPIC_OVERHEAD} or more`);
  }
  const reader = new Reader(bytes);
  const version = reader.u8();
  if (version !== VERSION) throw invalid(`its version is ${version}, not ${VERSION}`);
  return { keyId: reader.u32(), nonce: reader.bytes(TOPIC_NONCE_SIZE), sealed: reader.rest() };
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `This is not a sealed topic message: ${why}.`);
}
