import { type Bytes, concatAll } from '../../bytes/bytes.ts';

/** All pieces in one. */
export async function bytesOf(chunks: AsyncIterable<Bytes> | Iterable<Bytes>): Promise<Bytes> {
  const parts: Bytes[] = [];
  for await (const part of chunks) parts.push(part);
  return concatAll(parts);
}
