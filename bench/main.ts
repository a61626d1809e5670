/**
 * `npm run bench [-- request|session|lookup|pubsub|peers [MB]]`: ratios in one run, each against a named reference. Of pubsub one part alone:
 * `pubsub-topics`, `pubsub-fan-out [SUBSCRIBERS]`, `pubsub-webhooks`; and by that name only `pubsub-large [5G]` and `soak [MINUTES]`.
 */

import { availableParallelism, cpus } from 'node:os';
import { benchCodec } from './codec.ts';
import { benchFanOut } from './fan-out.ts';
import { benchLarge } from './large.ts';
import { benchLookup } from './lookup.ts';
import { benchNetwork } from './network.ts';
import { benchPeerFiles } from './peer-files.ts';
import { benchSession } from './session.ts';
import { benchSoak } from './soak.ts';
import { benchTopics } from './topics.ts';
import { benchWebhooks } from './webhooks.ts';

console.log(
  `Node ${process.versions.node}, OpenSSL ${process.versions.openssl}, ${availableParallelism()} cores, ${cpus()[0]?.model}`,
);
const [wanted, option] = process.argv.slice(2);
const isWanted = (job: string, part: string): boolean => [undefined, job, part].includes(wanted);
if (isWanted('request', 'request')) {
  benchCodec();
  await benchNetwork();
}
if (isWanted('session', 'session')) await benchSession();
if (isWanted('lookup', 'lookup')) await benchLookup();
if (isWanted('pubsub', 'pubsub-topics')) benchTopics();
if (isWanted('pubsub', 'pubsub-fan-out')) await benchFanOut(option);
if (isWanted('pubsub', 'pubsub-webhooks')) await benchWebhooks();
if (isWanted('peers', 'peers')) await benchPeerFiles(option);
if (wanted === 'pubsub-large') await benchLarge(option);
if (wanted === 'soak') await benchSoak(option);
