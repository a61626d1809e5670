/** A worker that comes up only where it is the first; notes who it is, and each SIGHUP, in the file that is named. */

import { appendFileSync } from 'node:fs';
import { stopRequested } from '../../src/node/stop.ts';
import { assignment, reportListening } from '../../src/node/workers.ts';

const [file = ''] = process.argv.slice(2);
const { listen } = (await assignment()) as { readonly listen: readonly string[] };
if (!listen.includes('first')) process.exit(1);
const stop = stopRequested();
appendFileSync(file, `${process.pid}\n`);
process.on('SIGHUP', () => setImmediate(() => appendFileSync(file, 'still here\n')));
reportListening(['second']);
await stop;
process.exit(0);
