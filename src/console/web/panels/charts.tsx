/** Live charts by job, and the same as a table. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Job } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { Chart } from '../components/chart.tsx';
import { Table } from '../components/table.tsx';
import { bytes, count, milliseconds } from '../format.ts';
import { type JobName, linesOf, type Measure, summaryOf, sumOf, type Window, windowOf } from '../samples.ts';
import { useStore } from '../store.ts';
import { seconds } from '../traffic.ts';

const SPANS = [
  { seconds: 60, title: '1 min' },
  { seconds: 300, title: '5 min' },
  { seconds: 900, title: '15 min' },
] as const;

interface ChartKind {
  readonly title: string;
  readonly measure: Measure;
  readonly unit: (value: number) => string;
  readonly isStacked?: boolean;
}

const CHARTS: readonly ChartKind[] = [
  { title: 'Messages a second', measure: 'handled', unit: short, isStacked: true },
  { title: 'Failures a second', measure: 'failed', unit: short },
  { title: 'Slowest handler', measure: 'slowest', unit: shortTime },
];

export function Charts(): JSX.Element {
  const [span, setSpan] = useState<number>(60);
  const all = useStore(seconds);
  const shown = windowOf(all, span, all.at(-1)?.at ?? Date.now());
  return (
    <Card title="Traffic" actions={<Spans chosen={span} onChoose={setSpan} />}>
      <Legend jobs={shown.jobs} />
      <div class="charts">
        {CHARTS.map((kind) => {
          const lines = linesOf(shown, kind.measure);
          const summary = summaryOf(lines, kind.unit);
          return <Chart key={kind.title} {...kind} summary={summary} times={shown.times} lines={lines} />;
        })}
      </div>
      <details>
        <summary>The same as a table</summary>
        <Sums window={shown} />
      </details>
    </Card>
  );
}

function Spans({
  chosen,
  onChoose,
}: {
  readonly chosen: number;
  readonly onChoose: (span: number) => void;
}): JSX.Element {
  return (
    <fieldset class="segments">
      <legend class="unseen">How far back</legend>
      {SPANS.map(({ seconds: span, title }) => (
        <label key={span}>
          <input type="radio" name="span" checked={span === chosen} onChange={() => onChoose(span)} />
          <span>{title}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Legend({ jobs }: { readonly jobs: readonly JobName[] }): JSX.Element {
  if (jobs.length === 0)
    return <p class="hint">Nothing has come in this time. Lines appear with the first message.</p>;
  return (
    <ul class="legend" aria-label="Jobs">
      {jobs.map((job) => (
        <li key={job}>
          <Job name={job} />
        </li>
      ))}
    </ul>
  );
}

function Sums({ window }: { readonly window: Window }): JSX.Element {
  return (
    <Table
      caption="Traffic by job"
      rows={window.jobs.map((job) => ({ job, ...sumOf(window, job) }))}
      keyOf={({ job }) => job}
      empty={<p class="hint">No messages in this time.</p>}
      columns={[
        { title: 'Job', cell: ({ job }) => <Job name={job} /> },
        { title: 'Messages', isNumber: true, cell: ({ handled }) => count(handled) },
        { title: 'Failed', isNumber: true, cell: ({ failed }) => count(failed) },
        { title: 'Came in', isNumber: true, isExtra: true, cell: (row) => bytes(row.bytes) },
        { title: 'Slowest', isNumber: true, cell: ({ slowest }) => milliseconds(slowest) },
      ]}
    />
  );
}

function short(value: number): string {
  return value >= 1000 ? `${+(value / 1000).toFixed(1)}k` : String(+value.toFixed(1));
}

function shortTime(value: number): string {
  return value >= 1000 ? `${+(value / 1000).toFixed(1)} s` : `${+value.toFixed(1)} ms`;
}
