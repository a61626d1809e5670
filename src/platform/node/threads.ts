/** Threads by node:worker_threads. */

import { parentPort, Worker } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import type { Threads } from '../types.ts';
import { perMachine } from './simulated.ts';

const ofSystem: Threads = {
  start({ base, name }, { onMessage, onEnd }) {
    // Sources run unbuilt: the module beside has the ending that its caller has.
    const ending = base.slice(base.lastIndexOf('.'));
    const worker = new Worker(new URL(`./${name}${ending}`, base));
    worker.on('message', onMessage);
    worker.unref(); // it lives only as long as somebody else does; a listener takes that back, so after it
    let ended = false;
    const end = (why: string): void => {
      if (!ended) onEnd(why);
      ended = true;
    };
    worker.on('error', (error) => end(messageOf(error)));
    worker.on('exit', (code) => end(`it ended with ${code}`));
    return {
      post: (message) => worker.postMessage(message),
      stop: async () => void (await worker.terminate()),
    };
  },
  serve(onMessage) {
    parentPort?.on('message', (message) => onMessage(message, (answer) => parentPort?.postMessage(answer)));
  },
};

export const threads: Threads = perMachine(ofSystem, (machine) => machine.threads);
