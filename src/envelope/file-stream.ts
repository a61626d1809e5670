/**
 * How the records of a file's stream are sealed: AES-256-GCM under keys that exist for one stream alone.
 *
 * ```text
 * secret   = X25519 of two ephemeral keys, which the peers have told each other in sealed, proved messages
 * id, a, b = HKDF-SHA-256(secret, salt = transfer, "sotto/file-stream/1" | sender's ephemeral key | receiver's), 16 + 32 + 32
 *            bytes: the stream's id, the key of who sends the file, the key of who receives it
 * record   = as in records.ts, numbered in its direction
 * ```
 *
 * Both ephemeral keys are gone when the stream is: who steals the peers' keys later opens nothing of it. Records that are
 * lost, doubled, moved or cut short do not open; that all have come is for the hash of the whole file to say.
 */

import { primitives } from '#crypto';
import { type Bytes, concat } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import type { X25519PrivateKey } from '../platform/types.ts';
import { MAX_STREAM_DATA, STREAM_ID_SIZE } from '../wire/file-stream.ts';
import { RecordOpener, RecordSealer, TAG_SIZE } from './records.ts';

const LABEL = encodeUtf8('sotto/file-stream/1');
const KEY_SIZE = 32;
/** The longest sealed plaintext, bytes: what a reader of frames has to take. */
export const MAX_RECORD: number = 1 + MAX_STREAM_DATA + TAG_SIZE;

export interface FileStreamKeys {
  /** 16 bytes: nothing that must stay secret once the stream is open. */
  readonly id: Bytes;
  readonly sealing: RecordSealer;
  readonly opening: RecordOpener;
}

/** One end of a stream that is to be. */
export class FileStreamEnd {
  /** The ephemeral key for the other end, 32 bytes. */
  readonly publicKey: Bytes;
  readonly #privateKey: X25519PrivateKey;

  constructor() {
    const { privateKey, publicKey } = primitives.x25519.generate();
    this.#privateKey = privateKey;
    this.publicKey = publicKey;
  }

  /**
   * @param other the other end's ephemeral key, 32 bytes.
   * @param transfer by what both know what they have agreed on, bytes.
   * @throws SottoError `low_order_point`, `invalid_key`.
   */
  agree(role: 'sender' | 'receiver', other: Bytes, transfer: Bytes): FileStreamKeys {
    const secret = primitives.x25519.agree(this.#privateKey, primitives.x25519.importPublic(other));
    const keys = role === 'sender' ? [this.publicKey, other] : [other, this.publicKey];
    const size = STREAM_ID_SIZE + 2 * KEY_SIZE;
    const bytes = primitives.hkdfSha256(secret, transfer, concat(LABEL, ...keys), size);
    const id = bytes.subarray(0, STREAM_ID_SIZE);
    const senders = bytes.subarray(STREAM_ID_SIZE, STREAM_ID_SIZE + KEY_SIZE);
    const receivers = bytes.subarray(STREAM_ID_SIZE + KEY_SIZE);
    const [own, theirs] = role === 'sender' ? [senders, receivers] : [receivers, senders];
    return { id, sealing: new RecordSealer(own), opening: new RecordOpener(theirs) };
  }
}
