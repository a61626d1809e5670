/** A peer node in a process of its own: settings as an argument, orders and reports as lines of JSON. */

import { createInterface } from 'node:readline';
import type { Logger } from '../../src/app/message.ts';
import { createApp, Identity } from '../../src/index.ts';
import { type PeerEvent, PeerNode } from '../../src/peers/index.ts';
import type { PeerOrder, PeerReport, PeerSettings } from './spawned-peer.ts';

const { key, ...settings } = JSON.parse(process.argv[2] ?? '') as PeerSettings;

const app = createApp()
  .on('/echo', (ctx) => ctx.body)
  .on('/note', (ctx) => say({ heard: ctx.body, proof: ctx.proof }));
const ignore = (): void => {};
const warn: Logger['warn'] = (fields, text) => say({ warning: `${text} ${JSON.stringify(fields)}` });
const log: Logger = { debug: ignore, info: ignore, warn, error: warn };
const identity = key === undefined ? Identity.generate() : Identity.from(key);
const node = await PeerNode.start(app, { identity, log, ...settings });
const kinds = ['join', 'leave', 'verified', 'address-changed', 'key-changed', 'downgrade'] as const;
for (const kind of kinds) node.on(kind, (event) => say(told(event)));
say({ ready: node.publicKey.fingerprint });
let counted = '';
setInterval(sayCounters, 100).unref();

for await (const line of createInterface({ input: process.stdin })) carryOut(JSON.parse(line) as PeerOrder);
await node.close();

function carryOut({ number = 0, tell, broadcast }: PeerOrder): void {
  if (broadcast !== undefined) node.broadcast('/note', broadcast);
  if (!tell) return;
  const { to, route, body, keep = 0 } = tell;
  node.tell(to, route, body, { keep }).then(
    (answer) => say({ number, answer }),
    (error: unknown) => say({ number, error: (error as { code?: string }).code ?? String(error) }),
  );
}

function told(event: PeerEvent): PeerReport {
  const { type } = event;
  if (type === 'downgrade') return { event: type, id: event.id, user: event.user, detail: event.by };
  if (type === 'key-succeeded') return { event: type, id: event.id, user: event.user };
  const { peer } = event;
  const about = { event: type, user: peer.user, ...(peer.kind === 'sealed' ? { id: peer.id } : {}) };
  if (type === 'leave') return { ...about, detail: event.reason };
  return type === 'address-changed' ? { ...about, detail: event.address.host } : about;
}

function sayCounters(): void {
  const { counters } = node;
  const text = JSON.stringify(counters);
  if (text !== counted) say({ counters });
  counted = text;
}

function say(report: PeerReport): void {
  console.log(JSON.stringify(report));
}
