/** The thread beside the server: loads large files, sorts their keys, goes through their rows. */

import { dataFiles } from '#files';
import { threads } from '#threads';
import { codeOf, messageOf } from '../../errors.ts';
import type { ImageDescription, TableImage } from '../table/image.ts';
import { keyLocator } from '../table/image.ts';
import { buildOrder, type KeyOrder, patchOrder } from '../table/key-order.ts';
import { formatOf } from '../table/row-format.ts';
import { type FoundRows, scanImage } from '../table/search.ts';
import type { Search } from '../table/table.ts';
import { contentOf, type LoadedImage, loadImage, shared } from './image-loader.ts';

/** What the thread can be asked. */
export type ThreadTask =
  | {
      readonly type: 'load';
      readonly path: string;
      readonly maxSize: number;
      readonly description: ImageDescription;
      /** What the server has now. */
      readonly previous: TableImage | null;
      readonly previousOrder: KeyOrder | null;
    }
  | { readonly type: 'order'; readonly image: TableImage }
  | { readonly type: 'scan'; readonly image: TableImage; readonly search: Search };

export interface ThreadResults {
  readonly load: { readonly loaded: LoadedImage; readonly order: KeyOrder | null };
  readonly order: KeyOrder;
  readonly scan: FoundRows;
}

export type ThreadRequest = ThreadTask & { readonly id: number };

export type ThreadAnswer =
  | { readonly id: number; readonly type: 'done'; readonly result: ThreadResults[ThreadTask['type']] }
  | { readonly id: number; readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly id: number; readonly type: 'progress'; readonly done: number; readonly total: number };

threads.serve((message, post: (answer: ThreadAnswer) => void) => {
  const request = message as ThreadRequest;
  const { id } = request;
  try {
    const onProgress = (done: number, total: number): void => post({ id, type: 'progress', done, total });
    post({ id, type: 'done', result: perform(request, onProgress) });
  } catch (error) {
    post({ id, type: 'failed', code: codeOf(error), message: messageOf(error) });
  }
});

function perform(
  task: ThreadTask,
  onProgress: (done: number, total: number) => void,
): ThreadResults[ThreadTask['type']] {
  switch (task.type) {
    case 'load':
      return load(task, onProgress);
    case 'order':
      return buildOrder(task.image.starts.length, locatorOf(task.image));
    case 'scan':
      return scanImage(task.image, task.search);
  }
}

function load(
  { path, maxSize, description, previous, previousOrder }: ThreadTask & { type: 'load' },
  onProgress: (done: number, total: number) => void,
): ThreadResults['load'] {
  const bytes = shared(contentOf(path, dataFiles.readShared(path, maxSize), maxSize));
  const loaded = loadImage(previous, bytes, description, onProgress);
  const isPatched = loaded.state === 'patched' && previousOrder !== null;
  const order = isPatched ? patchOrder(previousOrder, loaded.change, locatorOf(loaded.image)) : null;
  return { loaded, order };
}

function locatorOf(image: TableImage): ReturnType<typeof keyLocator> {
  return keyLocator(image, formatOf(image.description, image.bytes), image.description.keys[0] ?? 0);
}
