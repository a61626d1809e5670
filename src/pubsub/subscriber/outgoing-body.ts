/** A notification's body with its length and hash, which go before it: from memory, a file, or what comes in pieces. */

import { primitives } from '#crypto';
import { openStored } from '#files';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import { type CollectedMessage, collectAny, messageInMemory } from '../delivery/message.ts';

/** What can be told: text stands for its UTF-8; what comes in pieces is kept on disk where it is long. */
export type Body = string | Bytes | { readonly file: string } | AsyncIterable<Bytes> | Iterable<Bytes>;

export interface Prepared {
  readonly body: CollectedMessage;
  readonly sha512: Bytes;
}

/**
 * @param inMemory longer ones that come in pieces go to disk, bytes.
 * @throws SottoError `file_unreadable`, `file_unwritable`, and whatever the pieces throw.
 */
export async function prepareBody(body: Body, inMemory: number): Promise<Prepared> {
  if (typeof body === 'string') return ofBytes(encodeUtf8(body));
  if (body instanceof Uint8Array) return ofBytes(body);
  return 'file' in body ? ofFile(body.file) : collectAny(body, inMemory);
}

function ofBytes(bytes: Bytes): Prepared {
  return { body: messageInMemory(bytes), sha512: primitives.sha512(bytes) };
}

/** Read twice, and never held: once for its hash, and once to be sent. */
async function ofFile(path: string): Promise<Prepared> {
  const stored = await openStored(path);
  try {
    const hash = primitives.startSha512();
    for await (const chunk of stored.chunks()) hash.update(chunk);
    const { length } = stored;
    return {
      body: { length, chunks: () => stored.chunks(), remove: () => stored.close() },
      sha512: hash.digest(),
    };
  } catch (error) {
    await stored.close();
    throw error;
  }
}
