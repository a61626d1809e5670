/** Values as payloads that PSSST does not seal: in the clear, or under the legacy hybrid. Both ends use it. */

import type { Bytes } from '../bytes/bytes.ts';
import { cutUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../platform/types.ts';
import {
  decodePlainPayload,
  decodeValue,
  encodePlainPayload,
  encodeReply,
  encodeValue,
  fromBase64,
  isBinary,
  type LookupMessage,
  type LookupRepresentation,
  ORIGINAL_MAX_REPLY,
  toBase64,
} from '../wire/simple-client-server.ts';
import { HYBRID_OVERHEAD, hybridDecrypt, hybridEncrypt } from './legacy/hybrid-rsa.ts';

export type UnsealedScheme = 'plain' | 'legacy-rsa';

/**
 * The value that a message carries.
 *
 * @param key opens `legacy-rsa`; null for an end that has none.
 * @throws SottoError `invalid_body`, `invalid_text`, `decrypt_failed`, `unsupported_cipher`.
 */
export function openPayload(message: LookupMessage, key: RsaPrivateKey | null): unknown {
  return decodeValue(plaintextOf(message, key), message.representation);
}

function plaintextOf({ scheme, representation, payload }: LookupMessage, key: RsaPrivateKey | null): Bytes {
  if (scheme === 'plain') return decodePlainPayload(payload, representation);
  if (scheme === 'legacy-rsa' && key) return hybridDecrypt(fromBase64(payload), key);
  throw new SottoError('unsupported_cipher', `There is no key here for the scheme ${scheme}.`);
}

/**
 * A value as a payload.
 *
 * @param key closes `legacy-rsa`; null for `plain`.
 * @throws SottoError `invalid_body` for a value that the representation cannot hold.
 */
export function closePayload(
  value: unknown,
  representation: LookupRepresentation,
  key: RsaPublicKey | null,
): Bytes {
  return closed(encodeValue(value, representation), representation, key);
}

/**
 * A reply as the original's client can read it from a datagram: a longer one is cut, text between two characters, and
 * before it is encrypted.
 *
 * @throws SottoError `invalid_body`.
 */
export function closeReply(
  value: unknown,
  { header, representation }: Pick<LookupMessage, 'header' | 'representation'>,
  key: RsaPublicKey | null,
  isDatagram: boolean,
): { readonly bytes: Bytes; readonly wasCut: boolean } {
  const body = encodeValue(value, representation);
  const cut = isDatagram ? cutTo(body, representation, roomFor(header, representation, key)) : body;
  const bytes = encodeReply(header, closed(cut, representation, key));
  return { bytes, wasCut: cut.length < body.length };
}

function closed(body: Bytes, representation: LookupRepresentation, key: RsaPublicKey | null): Bytes {
  return key ? toBase64(hybridEncrypt(body, key)) : encodePlainPayload(body, representation);
}

/** Bytes of value that fit the original's datagram. */
function roomFor(header: Bytes, representation: LookupRepresentation, key: RsaPublicKey | null): number {
  const room = ORIGINAL_MAX_REPLY - header.length;
  const isBase64 = key !== null || isBinary(representation);
  const raw = isBase64 ? Math.floor(room / 4) * 3 : room;
  return key ? raw - HYBRID_OVERHEAD : raw;
}

function cutTo(body: Bytes, representation: LookupRepresentation, room: number): Bytes {
  return representation === 't' ? cutUtf8(body, room) : body.subarray(0, Math.min(room, body.length));
}
