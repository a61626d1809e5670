/**
 * What two peers say to each other about a file, sealed, as values of JSON. Its bytes go by a stream of their own.
 *
 * ```text
 * route                  body                                answer
 * /sotto/files/offer     { id, name, size, key, anew? }      { state: 'waiting' }: ask again, the same
 *                                                            { state: 'go', transfer, have, sha256, key }
 * /sotto/files/done      { transfer, sha256 }                { size }
 * /sotto/files/cancel    { id }                              {}
 * ```
 *
 * `id` (64 hex digits) is the same for the same file to the same peer, so that a later offer finds what is there of it;
 * each `go` has a `transfer` (32 hex digits) of its own, and ends the one before. `have` bytes are there, of that
 * `sha256`; who finds his own beginning to be another offers `anew`, and nothing is left of it. The keys (64 hex digits)
 * are ephemeral: under what follows from both, the rest of the file comes by the stream of src/wire/file-stream.ts.
 *
 * Statuses: 400 malformed, 403 refused or ended by the owner, 404 no such transfer of this peer, 412 not all has come,
 * 416 outside the file, 422 the whole has another hash, 503 too many at a time, 507 no space.
 */

import { primitives } from '#crypto';
import type { Bytes } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { StatusError } from '../../errors.ts';
import type { SourceFile } from '../../platform/types.ts';
import type { PeerId } from '../peer.ts';

export const FILE_ROUTES = {
  offer: '/sotto/files/offer',
  done: '/sotto/files/done',
  cancel: '/sotto/files/cancel',
} as const;

/** Of a file, bytes, that tell it from others before it is read. */
const HEAD = 1024 * 1024;
/** Of a name, as it comes. */
const MAX_NAME = 4096;
const DIGEST = /^[0-9a-f]{64}$/;
const KEY = /^[0-9a-f]{64}$/;
const TRANSFER = /^[0-9a-f]{32}$/;

export interface OfferBody {
  readonly id: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The sender's end of the stream, 32 bytes. */
  readonly key: Bytes;
  readonly anew?: boolean;
}

export interface Go {
  readonly state: 'go';
  readonly transfer: string;
  readonly have: number;
  readonly sha256: string;
  /** The receiver's end of the stream, 32 bytes. */
  readonly key: Bytes;
}

export type OfferAnswer = { readonly state: 'waiting' } | Go;

export interface DoneBody {
  readonly transfer: string;
  readonly sha256: string;
}

/** By what a file for a peer is known again: 64 hex digits. */
export async function fileId(peer: PeerId, name: string, file: SourceFile): Promise<string> {
  const head = encodeHex(await file.digest(Math.min(HEAD, file.size)));
  const said = JSON.stringify(['sotto/file/1', peer, name, file.size, file.modifiedAt, head]);
  return encodeHex(primitives.sha256(encodeUtf8(said)));
}

/** @throws StatusError 400, as all of these do. */
export function readOffer(body: unknown): OfferBody {
  const { id, name, size, key, anew } = fieldsOf(body);
  const isNamed = typeof name === 'string' && name.length <= MAX_NAME;
  if (!isText(id, DIGEST) || !isNamed || !isCount(size) || !isText(key, KEY)) throw malformed('offer');
  return { id, name, size, key: decodeHex(key), anew: anew === true };
}

export function readDone(body: unknown): DoneBody {
  const { transfer, sha256 } = fieldsOf(body);
  if (!isText(transfer, TRANSFER) || !isText(sha256, DIGEST)) throw malformed('end');
  return { transfer, sha256 };
}

export function readCancel(body: unknown): { readonly id: string } {
  const { id } = fieldsOf(body);
  if (!isText(id, DIGEST)) throw malformed('cancellation');
  return { id };
}

/** As they are sent. */
export function writeOffer({ key, ...rest }: OfferBody): object {
  return { ...rest, key: encodeHex(key) };
}

export function writeOfferAnswer(answer: OfferAnswer): object {
  return answer.state === 'go' ? { ...answer, key: encodeHex(answer.key) } : answer;
}

export function readOfferAnswer(body: unknown): OfferAnswer {
  const { state, transfer, have, sha256, key } = fieldsOf(body);
  if (state === 'waiting') return { state };
  const isGo = state === 'go' && isText(transfer, TRANSFER) && isText(sha256, DIGEST) && isText(key, KEY);
  if (!isGo || !isCount(have)) throw malformed('answer to an offer');
  return { state, transfer, have, sha256, key: decodeHex(key) };
}

function fieldsOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? { ...body } : {};
}

function isText(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function malformed(what: string): StatusError {
  return new StatusError(400, `This is no ${what} of a file.`, { code: 'bad_request' });
}
