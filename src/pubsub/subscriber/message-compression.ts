/** What a connection needs to know of how its messages are compressed; and how they are where nobody can. */

import type { Bytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import type { ToSubscriber } from '../../wire/lonelyps-stateful.ts';
import type { CollectedMessage } from '../delivery/message.ts';
import type { MessageBody } from '../delivery/poster.ts';
import type { Rendition } from '../delivery/renditions.ts';

export type Change = Extract<
  ToSubscriber,
  { type: 'enable-zstd-preset' | 'enable-zstd-custom' | 'disable-zstd-custom' }
>;

export interface MessageCompression {
  /** What CONFIGURE says. */
  readonly wanted: { enableZstd: boolean; enableTraining: boolean; initialDictionary: number };
  /** @throws SottoError `invalid_message` for what was not asked for, or cannot be. */
  change(change: Change): void;
  /** What a notification is sent as; at once where it is short. */
  pack(body: MessageBody, sha512: Bytes, inMemory: number): Rendition | Promise<Rendition>;
  /** The message as it was. @throws SottoError `invalid_message`, `file_unwritable`. */
  unpack(
    body: CollectedMessage,
    packed: { readonly compressor: bigint; readonly decompressedLength: bigint },
    inMemory: number,
  ): Promise<CollectedMessage>;
}

/** For platforms that have no zstd. */
export const NO_COMPRESSION: MessageCompression = {
  wanted: { enableZstd: false, enableTraining: false, initialDictionary: 0 },
  change({ type, compressor }) {
    if (type === 'enable-zstd-preset' && compressor === 0n) return; // means nothing, by the specification
    throw unasked();
  },
  pack: (body, sha512) => ({ compressor: 0n, body, sha512 }),
  async unpack(body, { compressor }) {
    if (compressor === 0n) return body;
    throw unasked();
  },
};

/** What a change must prove. */
export function operationOf(change: Change, url: string): SignedOperation {
  const { compressor } = change;
  if (change.type === 'disable-zstd-custom') return { kind: change.type, compressor, url };
  const { level, minSize, maxSize } = change;
  const range = { url, compressor, level, minSize, maxSize };
  return change.type === 'enable-zstd-preset'
    ? { kind: change.type, ...range }
    : { kind: change.type, ...range, sha512: change.sha512 };
}

function unasked(): SottoError {
  return new SottoError('invalid_message', 'Compression cannot go on: it was not asked for.');
}
