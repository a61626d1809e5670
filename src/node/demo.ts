/** The app that `sotto up` serves where it is given none: small, and worth calling. */

import { type App, createApp } from '../app/app.ts';

/** Things of a house and where they are: what `/where/:thing` knows. */
const PLACES: ReadonlyMap<string, string> = new Map([
  ['drill', 'the cellar, left shelf'],
  ['ladder', 'the garage'],
  ['torch', 'the hall drawer'],
]);

export function demoApp(): App {
  let visits = 0;
  return createApp()
    .on('/echo', (ctx) => ctx.body)
    .on('/time', () => new Date().toISOString())
    .on('/where/:thing', ({ params, reply }) => {
      const place = PLACES.get(params.thing);
      if (place) return place;
      reply.status = 404;
      return `Nobody has seen a ${params.thing}; try ${[...PLACES.keys()].join(', ')}.`;
    })
    .on('/whoami', (ctx) => ({
      key: ctx.sender?.toString() ?? null,
      proof: ctx.proof,
      transport: ctx.transport,
    }))
    .on('/count', () => ++visits, { once: true });
}
