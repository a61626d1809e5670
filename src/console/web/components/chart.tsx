/** Lines over time, drawn by uPlot; what they show is also said as text, for whoever does not see them. */

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
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
}

const HEIGHT = 132;
const FONT = '11px ui-sans-serif, system-ui, sans-serif';
/** Where the highest value is lower, the axis reaches this far all the same. */
const LEAST_TOP = 4;

export function Chart({ title, summary, times, lines, unit }: ChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const shade = useStore(theme);
  const names = lines.map((line) => line.title).join();
  const data = [[...times], ...lines.map(({ values }) => [...values])] as UPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const chart = new UPlot(optionsOf(lines, unit, element.clientWidth), latest.current, element);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [names, shade]);
  useEffect(() => plot.current?.setData(data));

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} role="img" aria-label={`${title}. ${summary}`} />
    </figure>
  );
}

function optionsOf(lines: readonly Line[], unit: (value: number) => string, width: number): UPlot.Options {
  const ink = colour('ink-quiet');
  const grid = { stroke: colour('line'), width: 1 };
  const axis = { stroke: ink, font: FONT, grid, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: 'traffic' }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
    scales: { y: { range: (_chart, _least, most) => [0, Math.max(LEAST_TOP, most * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 24, values: '{HH}:{mm}:{ss}' },
      { ...axis, size: 54, space: 32, values: (_chart, splits) => splits.map(unit) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.title,
        stroke: colour(line.colour),
        fill: colour(line.colour, 0.1),
        width: 1.75,
        points: { show: false },
      })),
    ],
  };
}
