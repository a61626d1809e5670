/** The console's routes, from the guards at the door to the page's files. */

import { Hono } from 'hono';
import { z } from 'zod';
import { chatPanel } from './chat-panel.ts';
import { configPanel } from './config-panel.ts';
import type { Desk, Panel } from './desk.ts';
import type { Entrance } from './entrance.ts';
import { giveCookie, headers, insiders, ownHost, ownPagesAlone, smallBodies } from './guards.ts';
import { MOST_PAGES } from './hub.ts';
import { bodyOf } from './input.ts';
import { keysPanel } from './keys-panel.ts';
import { limitsPanel } from './limits-panel.ts';
import { lookupPanel } from './lookup-panel.ts';
import { nodePanel } from './node-panel.ts';
import { ownPages } from './own-pages.ts';
import { pageFiles } from './page-files.ts';
import { peersPanel } from './peers-panel.ts';
import { problem, problemOf } from './problem.ts';
import { sessionsPanel } from './sessions-panel.ts';
import { topicsPanel } from './topics-panel.ts';
import { tryPanel } from './try-panel.ts';

const PANELS: readonly Panel[] = [
  ...[nodePanel, tryPanel, topicsPanel, peersPanel, chatPanel],
  ...[lookupPanel, sessionsPanel, keysPanel, limitsPanel, configPanel],
];

const Token = z.strictObject({ token: z.string().max(1024) });

/** @param port where it listens. */
export function consoleApp(desk: Desk, entrance: Entrance, port: () => number): Hono {
  const { hub, options } = desk;
  const app = new Hono();
  app.use(headers());
  app.use(ownHost(port));
  app.use('/api/*', ownPagesAlone(), smallBodies());
  app.post('/api/enter', async (c) => {
    const entered = entrance.enter((await bodyOf(c, Token)).token);
    if (entered === 'too-often')
      return problem(429, 'too_many_requests', 'Too many links were tried that are none; wait a moment.');
    if (entered === 'wrong')
      return problem(
        403,
        'not_allowed',
        'This link was used already, or is too old: sotto console prints a fresh one.',
      );
    giveCookie(c, entered.cookie, port(), entrance.cookieLasts);
    return c.body(null, 204);
  });
  app.use('/api/*', insiders(entrance, port));
  app.post('/api/leave', async (c) => {
    await entrance.leave();
    hub.close();
    giveCookie(c, '', port(), 0);
    return c.body(null, 204);
  });
  app.get('/api/events', (c) => {
    const body = hub.open();
    if (body === null)
      return problem(503, 'unavailable', `${MOST_PAGES} pages look on already; close one of them.`);
    return c.body(body, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  });
  for (const panel of PANELS) panel(app, desk);
  app.all('/api/*', () => notFound());
  ownPages(app);
  pageFiles(app, desk);
  app.notFound(() => notFound());
  app.onError((error) => problemOf(error, options.log));
  return app;
}

function notFound(): Response {
  return problem(404, 'route_not_found', 'There is nothing here.');
}
