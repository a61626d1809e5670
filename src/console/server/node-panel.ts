/** The node itself, what goes through it, and its bridges. */

import { hostname } from 'node:os';
import { z } from 'zod';
import type { NodeConfig } from '../../node/config.ts';
import { loginName } from '../../node/login.ts';
import type { Traffic } from '../../node/traffic.ts';
import { version } from '../../node/version.ts';
import type { BridgesView, NodeView, Series, TrafficPage } from '../contract.ts';
import type { ConsoleNode } from '../options.ts';
import type { Panel } from './desk.ts';
import { queryOf } from './input.ts';

const Page = z.strictObject({
  before: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

export const nodePanel: Panel = (app, { node }) => {
  app.get('/api/node', (c) => c.json(nodeView(node)));
  app.get('/api/traffic', (c) => c.json(trafficPage(node.traffic, queryOf(c, Page))));
  app.get('/api/series', (c) => c.json({ seconds: node.traffic.seconds() } satisfies Series));
  app.get('/api/bridges', (c) =>
    c.json({ bridges: node.running.bridges?.status ?? [] } satisfies BridgesView),
  );
};

function nodeView(node: ConsoleNode): NodeView {
  const { publicKey, config, running, startedAt, parts, routes } = node;
  const { rss, heapUsed } = process.memoryUsage();
  return {
    version: version(),
    nodeVersion: process.version,
    platform: `${process.platform} ${process.arch}`,
    ...{ startedAt, parts, routes },
    name: running.peers?.name ?? `${loginName()}@${hostname()}`,
    publicKey: publicKey.toString(),
    fingerprint: publicKey.fingerprint,
    words: publicKey.words,
    app: config.app ?? 'demo',
    data: config.data,
    identity: config.identity,
    topicsAuth: topicsAuthOf(config),
    memory: { rss, heapUsed },
  };
}

function topicsAuthOf({ broadcaster }: NodeConfig): string | null {
  if (broadcaster === false) return null;
  const { auth = 'none', subscriberAuth = auth } = broadcaster;
  return subscriberAuth === 'none' ? null : subscriberAuth;
}

function trafficPage(traffic: Traffic, { before, limit }: z.output<typeof Page>): TrafficPage {
  const records = traffic.recent({ limit, ...(before === undefined ? {} : { before }) });
  return { records, next: records.length === limit ? (records.at(-1)?.id ?? null) : null };
}
