/** Draws lines over time as a picture, by uPlot in Chromium. */

import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { launchChromium } from '../test/support/page.ts';

export interface PlotLine {
  readonly name: string;
  readonly colour: string;
  readonly values: readonly number[];
}

export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly PlotLine[];
}

const WIDTH = 960;
const HEIGHT = 260;

/** @param minutes the same for every line of every plot. */
export async function drawPlots(
  file: string,
  minutes: readonly number[],
  plots: readonly Plot[],
): Promise<void> {
  const resolve = createRequire(import.meta.url).resolve;
  await using browser = await launchChromium();
  const size = { width: WIDTH + 32, height: plots.length * (HEIGHT + 90) };
  const page = await browser.newPage({ viewport: size });
  await page.setContent('<body style="margin:16px;background:white;font:14px sans-serif"></body>');
  await page.addStyleTag({ path: resolve('uplot/dist/uPlot.min.css') });
  await page.addScriptTag({ path: resolve('uplot/dist/uPlot.iife.min.js') });
  await page.evaluate(draw, { minutes, plots, width: WIDTH, height: HEIGHT });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await page.screenshot());
}

interface Drawing {
  readonly minutes: readonly number[];
  readonly plots: readonly Plot[];
  readonly width: number;
  readonly height: number;
}

/** Runs in the page. */
function draw({ minutes, plots, width, height }: Drawing): void {
  const { uPlot, document } = globalThis as unknown as {
    readonly uPlot: new (options: object, data: unknown, target: unknown) => unknown;
    readonly document: { readonly body: unknown };
  };
  for (const { title, unit, lines } of plots) {
    const series = lines.map(({ name, colour }) => ({ label: name, stroke: colour, width: 1.5 }));
    const options = {
      ...{
        title,
        width,
        height,
        scales: {
          x: { time: false },
          y: { range: (_: unknown, _low: number, high: number) => [0, high * 1.1] },
        },
      },
      axes: [{ label: 'minutes' }, { label: unit, size: 70 }],
      series: [{ label: 'minutes' }, ...series],
      legend: { live: false },
    };
    new uPlot(options, [minutes, ...lines.map(({ values }) => values)], document.body);
  }
}
