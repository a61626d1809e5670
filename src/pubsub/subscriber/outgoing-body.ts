/** A notification's body with its length and hash, which go before it: from memory, a file, or what comes in pieces. */

import { openStored } from '#files';
import { startSha512 } from '#sha512';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import { collectAny, type HashedMessage, hashedMessage } from '../delivery/message.ts';
import type { MessageBody } from '../delivery/poster.ts';

/** What can be told: text stands for its UTF-8; what comes in pieces is kept on disk where it is long. */
export type Body = string | Bytes | { readonly file: string } | AsyncIterable<Bytes> | Iterable<Bytes>;

/**
 * @param inMemory longer ones that come in pieces go to disk, bytes.
 * @throws SottoError `file_unreadable`, `file_unwritable`, and whatever the pieces throw.
 */
export async function prepareBody(body: Body, inMemory: number): Promise<HashedMessage> {
  if (typeof body === 'string') return hashedMessage(encodeUtf8(body));
  if (body instanceof Uint8Array) return hashedMessage(body);
  return 'file' in body ? ofFile(body.file) : collectAny(body, inMemory);
}

/** Read twice, and never held: once for its hash, and once to be sent. */
async function ofFile(path: string): Promise<HashedMessage> {
  const stored = await openStored(path);
  try {
    const hash = startSha512();
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

/** The same body; who reads it is watched. */
export function watchedBody(
  body: MessageBody,
  onProgress: (sent: number, total: number) => void,
): MessageBody {
  const { length } = body;
  return {
    length,
    async *chunks() {
      let sent = 0;
      for await (const chunk of body.chunks()) {
        yield chunk;
        sent += chunk.length;
        onProgress(sent, length);
      }
    },
  };
}
