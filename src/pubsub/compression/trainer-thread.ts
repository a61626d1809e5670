/** The thread beside the broadcaster: trains one dictionary. */

import { threads } from '#threads';
import type { Bytes } from '../../bytes/bytes.ts';
import { trainDictionary } from './dictionary-trainer.ts';

/** Samples one after the other, as a thread is given one array much faster than many. */
export interface TrainingRequest {
  readonly text: Bytes;
  /** Where each sample ends. */
  readonly ends: Uint32Array;
  /** Of the dictionary, bytes at the most. */
  readonly size: number;
}

export type TrainingAnswer = Bytes | null;

threads.serve((message, post: (answer: TrainingAnswer) => void) => {
  const request = message as TrainingRequest;
  post(trainDictionary(samplesOf(request), request.size));
});

function samplesOf({ text, ends }: TrainingRequest): Bytes[] {
  return Array.from(ends, (end, index) => text.subarray(ends[index - 1] ?? 0, end));
}
