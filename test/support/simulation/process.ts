/** Simulates seeds in a process of its own: where node:test runs, its hooks on every promise would double the time. */

import { simulateFiveJobs } from './five-jobs.ts';

const [seeds = 1, from = 1] = process.argv.slice(2).map(Number);
const report = await simulateFiveJobs(seeds, from);
console.log(JSON.stringify(report));
