/** Seconds of traffic as lines of a chart, and as sums of a table. */

import type { TrafficRecord, TrafficSample, TrafficSecond } from '../contract.ts';
import type { Line } from './components/chart.tsx';

export type JobName = TrafficRecord['job'];
export type Measure = 'handled' | 'failed' | 'slowest';

export const JOBS: readonly JobName[] = ['request', 'session', 'pubsub', 'peers', 'lookup', 'local'];

/** `span` seconds up to `end`; the ones without a message are zero. */
export interface Window {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly at: ReadonlyMap<number, TrafficSecond>;
  /** Those of which something came. */
  readonly jobs: readonly JobName[];
}

export function windowOf(seconds: readonly TrafficSecond[], span: number, end: number): Window {
  const last = Math.floor(end / 1000);
  const times = Array.from({ length: span }, (_, index) => last - span + 1 + index);
  const first = (times[0] ?? last) * 1000;
  const inside = seconds.filter(({ at }) => at >= first && at <= last * 1000);
  return {
    times,
    at: new Map(inside.map((second) => [second.at / 1000, second])),
    jobs: JOBS.filter((job) => inside.some(({ jobs }) => jobs[job])),
  };
}

export function linesOf({ times, at, jobs }: Window, measure: Measure): readonly Line[] {
  // An empty chart has its axes too.
  const shown: readonly JobName[] = jobs.length > 0 ? jobs : ['request'];
  return shown.map((job) => ({
    title: job,
    colour: `job-${job}`,
    values: times.map((time) => at.get(time)?.jobs[job]?.[measure] ?? 0),
  }));
}

export function sumOf({ at }: Window, job: JobName): TrafficSample {
  let sum: TrafficSample = { handled: 0, failed: 0, bytes: 0, slowest: 0 };
  for (const { jobs } of at.values()) {
    const sample = jobs[job];
    if (!sample) continue;
    sum = {
      handled: sum.handled + sample.handled,
      failed: sum.failed + sample.failed,
      bytes: sum.bytes + sample.bytes,
      slowest: Math.max(sum.slowest, sample.slowest),
    };
  }
  return sum;
}

export function summaryOf(lines: readonly Line[], unit: (value: number) => string): string {
  const parts = lines.map(({ title, values }) => {
    return `${title} ${unit(values.at(-1) ?? 0)} now, ${unit(Math.max(0, ...values))} at most`;
  });
  return `${parts.join('; ')}.`;
}
