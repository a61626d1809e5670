/** Opens a CSV file as a lookup does, and prints the seconds it took and the peak memory in MB. */

import { Lookup } from '../src/lookup/index.ts';

const file = process.argv[2] ?? '';
const started = performance.now();
await using lookup = await Lookup.open({ files: { [file]: 'id' } });
const seconds = (performance.now() - started) / 1000;
const [table] = Object.values(lookup.data) as { get(key: string): unknown }[];
if (table?.get('id-500000') === undefined) throw new Error('a row is missing');
console.log(JSON.stringify({ seconds, megabytes: process.resourceUsage().maxRSS / 1024 }));
