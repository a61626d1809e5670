/** Lines over time, drawn by uPlot; what they show is also said as text, for whoever does not see them. */

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import UPlot from 'uplot';
import { time } from '../format.ts';
import { useStore } from '../store.ts';
import { colour, theme } from '../theme.ts';

export interface Line {
  readonly title: string;
  /** Of the style sheet. */
  readonly colour: string;
  readonly values: readonly number[];
}

export interface ChartProps {
  readonly title: string;
  /** What the lines say, in a sentence. */
  readonly summary: string;
  /** Seconds since 1970, rising. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly unit: (value: number) => string;
  /** Areas on top of each other, whose height is the sum. */
  readonly isStacked?: boolean;
}

const HEIGHT = 140;
const FONT = '11px ui-sans-serif, system-ui, sans-serif';
/** Where the highest value is lower, the axis reaches this far all the same. */
const LEAST_TOP = 4;
/** How much of a line's colour its area has; the rest is what it lies on. */
const AREA = 0.28;

export function Chart(props: ChartProps): JSX.Element {
  const { title, summary, times, lines, isStacked = false } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const shade = useStore(theme);
  const names = lines.map((line) => line.title).join();
  const data = [[...times], ...(isStacked ? stacked(lines) : lines.map(({ values }) => [...values]))];
  const latest = useRef({ props, data });
  latest.current = { props, data };
  const [pointed, setPointed] = useState<number | null>(null);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const { props: now, data: values } = latest.current;
    const chart = new UPlot(optionsOf(now, element.clientWidth, setPointed), aligned(values), element);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [names, shade]);
  useEffect(() => plot.current?.setData(aligned(data)));

  return (
    <figure class="chart">
      <figcaption>
        {title}
        {pointed !== null && <span aria-hidden="true">{readoutOf(props, pointed)}</span>}
      </figcaption>
      <div ref={box} role="img" aria-label={`${title}. ${summary}`} />
    </figure>
  );
}

/** What is below the pointer; lines without anything there are left out. */
function readoutOf({ times, lines, unit }: ChartProps, index: number): string {
  const values = lines.filter((line) => (line.values[index] ?? 0) > 0);
  const parts = values.map((line) => `${line.title} ${unit(line.values[index] ?? 0)}`);
  return [time((times[index] ?? 0) * 1000), ...parts].join('  ');
}

/** Each with the sum of those after it, so that the highest is drawn first and the others over it. */
function stacked(lines: readonly Line[]): number[][] {
  let below: readonly number[] = [];
  return lines
    .toReversed()
    .map(({ values }) => {
      const sums = values.map((value, index) => value + (below[index] ?? 0));
      below = sums;
      return sums;
    })
    .reverse();
}

function aligned(data: readonly number[][]): UPlot.AlignedData {
  const [times = [], ...values] = data;
  return [times, ...values];
}

function optionsOf(
  { lines, unit, isStacked = false }: ChartProps,
  width: number,
  onPoint: (index: number | null) => void,
): UPlot.Options {
  const ink = colour('ink-quiet');
  const grid = { stroke: colour('line'), width: 1 };
  const axis = { stroke: ink, font: FONT, grid, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 28, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'traffic' }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    scales: { y: { range: (_chart, _least, most) => [0, Math.max(LEAST_TOP, most * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 24, values: '{HH}:{mm}:{ss}' },
      { ...axis, size: 48, space: 32, values: (_chart, splits) => splits.map(unit) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.title,
        stroke: colour(line.colour),
        ...(isStacked ? { fill: colour(line.colour, AREA) } : {}),
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}
