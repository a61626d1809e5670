/** `npm run bench [-- request|lookup|pubsub]`: ratios in one run, each against a named reference. */

import { availableParallelism, cpus } from 'node:os';
import { benchCodec } from './codec.ts';
import { benchLookup } from './lookup.ts';
import { benchNetwork } from './network.ts';
import { benchTopics } from './topics.ts';

console.log(
  `Node ${process.versions.node}, OpenSSL ${process.versions.openssl}, ${availableParallelism()} cores, ${cpus()[0]?.model}`,
);
const wanted = process.argv[2];
if (wanted === undefined || wanted === 'request') {
  benchCodec();
  await benchNetwork();
}
if (wanted === undefined || wanted === 'lookup') await benchLookup();
if (wanted === undefined || wanted === 'pubsub') benchTopics();
