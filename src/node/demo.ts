/** The app that `sotto up` serves where it is given none: small, and worth calling. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type App, createApp } from '../app/app.ts';
import type { LookupServer } from '../lookup/server.ts';
import { hasCode } from '../platform/node/error-code.ts';
import { makeDataFolder } from './data-folder.ts';

/** Topics whose messages go to the demo app. */
export const DEMO_TOPICS: readonly string[] = ['echo', 'time', 'where/*'];

const ROWS: readonly (readonly [thing: string, place: string, since: number])[] = [
  ['drill', 'the cellar on the left shelf', 2019],
  ['ladder', 'the garage', 2007],
  ['torch', 'the hall drawer', 2024],
  ['spade', 'the shed', 2015],
  ['passport', 'the desk', 2021],
];

/** The file that lookups answer from until there is another: edit it, and the answers change. */
export const SAMPLE: { readonly name: string; readonly key: string } = { name: 'things.csv', key: 'thing' };

/** @returns the sample's path; one that somebody has edited stays as it is. */
export async function writeSample(data: string): Promise<string> {
  await makeDataFolder(data);
  const path = join(data, SAMPLE.name);
  const text = ['thing,place,since', ...ROWS.map((row) => row.join(',')), ''].join('\n');
  await writeFile(path, text, { flag: 'wx' }).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  return path;
}

/** @param lookup the running lookup, of whose files `/where/:thing` knows; null for none. */
export function demoApp(lookup: () => Pick<LookupServer, 'lookup'> | null = () => null): App {
  let visits = 0;
  return createApp()
    .on('/echo', (ctx) => ctx.body)
    .on('/time', () => new Date().toISOString())
    .on('/where/:thing', ({ params, reply }) => {
      const place = placeOf(params.thing, lookup());
      if (place !== null) return place;
      reply.status = 404;
      return `Nobody has seen a ${params.thing}; try drill, ladder or torch.`;
    })
    .on('/whoami', (ctx) => ({
      key: ctx.sender?.toString() ?? null,
      proof: ctx.proof,
      protocol: ctx.protocol,
      transport: ctx.transport,
    }))
    .on('/count', () => ++visits, { once: true });
}

function placeOf(thing: string, running: Pick<LookupServer, 'lookup'> | null): string | null {
  if (!running) return ROWS.find(([name]) => name === thing)?.[1] ?? null;
  for (const table of Object.values(running.lookup.data)) {
    const row = (table as { get?(key: string): unknown } | null)?.get?.(thing);
    if (typeof row === 'object' && row !== null && 'place' in row) return String(row.place);
  }
  return null;
}
