/** The app that the page of test/e2e/browser-package.test.ts asks; the page has its type. */

import { type App, createApp } from '../../src/app/app.ts';

interface Value<Of> {
  readonly body: unknown;
  readonly value: Of;
}

/** As much of the app's type as the page asks by. */
export type PageApp = App<{
  readonly '/sender': Value<string>;
  readonly '/weather/:city': Value<{ readonly city: string; readonly celsius: number }>;
  readonly '/count/:to': Value<AsyncIterable<number>>;
}>;

export function pageApp(): PageApp {
  let count = 0;
  return createApp()
    .on('/echo', ({ body }) => body)
    .on('/sender', ({ sender, proof }) => `${proof} ${sender}`)
    .on('/weather/:city', ({ params }) => ({ city: params.city, celsius: 21 }))
    .on('/count', () => ++count, { once: true })
    .on('/nothing', () => {})
    .on('/date', () => new Date(0))
    .on('/count/:to', ({ params }) => counting(Number(params.to)))
    .on('/double', ({ body }) => doubled(body as AsyncIterable<number>))
    .on('/join/:room', ({ session, params }) => session?.join(params.room))
    .on('/ask-me', ({ session, body }) => session?.request('/asked', body));
}

async function* counting(most: number): AsyncGenerator<number> {
  for (let number = 1; number <= most; number++) yield number;
}

async function* doubled(numbers: AsyncIterable<number>): AsyncGenerator<number> {
  for await (const number of numbers) yield 2 * number;
}
