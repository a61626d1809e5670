/** The files that answer: how they are, what they know, and completions for whoever asks. */

import { basename } from 'node:path';
import { z } from 'zod';
import type { LookupServer } from '../../lookup/server.ts';
import type { LookupView } from '../contract.ts';
import type { Panel } from './desk.ts';
import { bodyOf, queryOf } from './input.ts';
import { running, tryOut } from './try-panel.ts';

const Beginning = z.strictObject({
  file: z.string().max(1024).optional(),
  prefix: z.string().max(1024).default(''),
});
const Question = z.strictObject({ text: z.string().max(65_536) });

export const lookupPanel: Panel = (app, { node }) => {
  app.get('/api/lookup', (c) => c.json(lookupView(node.running.lookup)));
  app.get('/api/lookup/complete', async (c) => {
    const { file, prefix } = queryOf(c, Beginning);
    const { lookup } = running(node.running.lookup, 'lookup');
    return c.json({ keys: await lookup.complete(prefix, file === undefined ? {} : { file }) });
  });
  app.post('/api/lookup/query', async (c) => {
    const { text: query } = await bodyOf(c, Question);
    return c.json(await tryOut(node, { job: 'lookup', as: 'node', query }));
  });
};

function lookupView(server: LookupServer | null): LookupView {
  if (!server) return { files: [], watches: 0, counters: {} };
  const { files, watches, counters } = server.status;
  return {
    files: files.map(({ path, state, rows, bytes, readAt, problem }) => ({
      ...{ name: basename(path), path, state, bytes },
      rows: rows ?? 0,
      changedAt: Date.parse(readAt) || null,
      problem: problem ?? '',
    })),
    watches,
    counters,
  };
}
