/** A broadcaster as a process of its own, which says where it listens: `broadcaster-process.ts OPTIONS`, as JSON. */

import { writeSync } from 'node:fs';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';

const broadcaster = await Broadcaster.start(JSON.parse(process.argv[2] ?? '{}'));
writeSync(1, `${broadcaster.address}\n`);
