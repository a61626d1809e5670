import { type App, createApp } from '../../src/app/app.ts';

let counter = 0;

export const app: App = createApp()
  .on('/', (ctx) => ctx.bytes)
  .on('/echo', (ctx) => ctx.body)
  .on('/who', (ctx) => ctx.sender?.toString() ?? 'nobody')
  .on('/pid', () => process.pid)
  .on('/count', () => ++counter, { once: true });
