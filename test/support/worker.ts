/** A worker that comes up only where it is the first; notes who it is, and each SIGHUP, in the file that is named. */

import { appendFileSync } from 'node:fs';
import { stopRequested } from '../../src/node/stop.ts';
import { assignedAddresses, reportListening } from '../../src/node/workers.ts';

const [file = ''] = process.argv.slice(2);
if (!assignedAddresses().includes('first')) process.exit(1);
const stop = stopRequested();
appendFileSync(file, `${process.pid}\n`);
process.on('SIGHUP', () => setImmediate(() => appendFileSync(file, 'still here\n')));
reportListening(['second']);
await stop;
process.exit(0);
