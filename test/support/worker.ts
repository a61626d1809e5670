/** A worker that comes up only where it is the first, and notes who it is in the file that is named. */

import { appendFileSync } from 'node:fs';
import { stopRequested } from '../../src/node/stop.ts';
import { assignedAddresses, leaveParent, reportListening } from '../../src/node/workers.ts';

const [file = ''] = process.argv.slice(2);
if (!assignedAddresses().includes('first')) process.exit(1);
const stop = stopRequested();
appendFileSync(file, `${process.pid}\n`);
reportListening(['second']);
await stop;
leaveParent();
