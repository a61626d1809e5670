/** Loads the image of a file, from what changed since the last one where that is little. Runs in the thread, or beside it. */

import { dataFiles } from '#files';
import type { Bytes } from '../../bytes/bytes.ts';
import {
  buildImage,
  type ImageDescription,
  type OnProgress,
  type PatchedImage,
  patchImage,
  type TableImage,
} from '../table/image.ts';

export type LoadedImage =
  /** The same bytes as before. */
  | { readonly state: 'unchanged' }
  | { readonly state: 'patched'; readonly image: TableImage; readonly change: PatchedImage['change'] }
  | { readonly state: 'built'; readonly image: TableImage };

/** @throws SottoError `file_invalid`, `file_too_large`. */
export function loadImage(
  previous: TableImage | null,
  bytes: Bytes,
  description: ImageDescription,
  onProgress?: OnProgress,
): LoadedImage {
  if (previous === null) return { state: 'built', image: buildImage(bytes, description, onProgress) };
  if (dataFiles.compare(previous.bytes, bytes) === 0) return { state: 'unchanged' };
  const patched = patchImage(previous, bytes);
  if (patched) return { state: 'patched', ...patched };
  return { state: 'built', image: buildImage(bytes, description, onProgress) };
}

/** What a file holds, unpacked where its name says that it is packed. */
export function contentOf(path: string, bytes: Bytes, maxSize: number): Bytes {
  return isPacked(path) ? dataFiles.gunzip(bytes, maxSize) : bytes;
}

export function isPacked(path: string): boolean {
  return path.toLowerCase().endsWith('.gz');
}

/** The same bytes where threads can share them. */
export function shared(bytes: Bytes): Bytes {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
