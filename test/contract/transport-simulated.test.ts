/** The simulated network keeps the same contract as the real one, by every road. */

import { simulate } from '../../src/testing/index.ts';
import { type Abilities, transportContract } from './transport.ts';

const play: Abilities['play'] = (body) => simulate({}, (world) => world.host('home').run(body));
const stream = { longest: 5000, tellsGone: true, proven: true, tellsUnreachable: true, play };

transportContract({
  ...{ url: 'udp://10.0.0.1:0', longest: 1232, play },
  ...{ tellsGone: false, proven: false, tellsUnreachable: false },
});
transportContract({ url: 'tcp://home:0', ...stream });
transportContract({ url: 'tcp://[::1]:0', ...stream });
transportContract({ url: 'http://0.0.0.0:0', ...stream });
transportContract({ url: 'ws://127.0.0.1:0', ...stream });
