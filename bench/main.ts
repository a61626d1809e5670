/** `npm run bench`: ratios in one run, each against a named reference. */

import { availableParallelism, cpus } from 'node:os';
import { benchCodec } from './codec.ts';
import { benchNetwork } from './network.ts';

console.log(
  `Node ${process.versions.node}, OpenSSL ${process.versions.openssl}, ${availableParallelism()} cores, ${cpus()[0]?.model}`,
);
benchCodec();
await benchNetwork();
