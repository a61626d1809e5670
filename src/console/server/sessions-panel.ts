/** Sessions: who is connected, and a word to them. */

import { z } from 'zod';
import { SottoError } from '../../errors.ts';
import type { SessionServer } from '../../session/server.ts';
import type { Session } from '../../session/session.ts';
import type { SessionsView, SessionView } from '../contract.ts';
import type { Panel } from './desk.ts';
import { bodyOf } from './input.ts';
import { running, typed } from './try-panel.ts';

const MOST_SHOWN = 500;

const Pushed = z.strictObject({ route: z.string().startsWith('/').max(1024), body: z.string().max(65_536) });

export const sessionsPanel: Panel = (app, { node, hub }) => {
  const sessionOf = (id: string): Session => find(running(node.running.sessions, 'sessions'), id);
  app.get('/api/sessions', (c) => c.json(sessionsView(node.running.sessions)));
  app.post('/api/sessions/:id/close', (c) => {
    sessionOf(c.req.param('id')).close(0, 'It was closed in the console.');
    hub.changed('sessions');
    return c.body(null, 204);
  });
  app.post('/api/sessions/:id/push', async (c) => {
    const { route, body } = await bodyOf(c, Pushed);
    const isSent = sessionOf(c.req.param('id')).push(route, typed(body));
    if (!isSent) throw new SottoError('too_many_requests', 'That client takes too slowly what it is sent.');
    return c.body(null, 204);
  });
};

function sessionsView(server: SessionServer | null): SessionsView {
  if (!server) return { sessions: [], counters: {} };
  return { sessions: server.sessions.slice(0, MOST_SHOWN).map(sessionView), counters: server.counters };
}

function sessionView({ id, sender, remote, transport, isConnected, startedAt, rooms }: Session): SessionView {
  return { id, key: sender?.toString() ?? null, remote, transport, isConnected, since: startedAt, rooms };
}

/** @throws SottoError `route_not_found`. */
function find(server: SessionServer, id: string): Session {
  const session = server.sessions.find((each) => each.id === id);
  if (session) return session;
  throw new SottoError('route_not_found', 'There is no such session any more.');
}
