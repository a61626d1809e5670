/** Asks by any job, as a program would: over the sockets, as this node or as nobody. */

import { z } from 'zod';
import { encodeHex, utf8OrNull } from '../../bytes/text.ts';
import { codeOf, messageOf, SottoError, StatusError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { LookupClient } from '../../lookup/client.ts';
import { reachable } from '../../node/reachable.ts';
import { plainly } from '../../node/shown-value.ts';
import type { PeerNode } from '../../peers/node.ts';
import { Subscriber } from '../../pubsub/subscriber/subscriber.ts';
import { RequestClient } from '../../request/client.ts';
import { ROOM_FOR_ANSWERS } from '../../sealed/options.ts';
import { SessionClient } from '../../session/client.ts';
import type { TryReply, TryRequest } from '../contract.ts';
import type { ConsoleNode } from '../options.ts';
import type { Panel } from './desk.ts';
import { bodyOf } from './input.ts';
import { statusOf } from './problem.ts';

/** For an answer, ms. */
const TIMEOUT = 10_000;
/** Characters of an answer that are shown. */
const LONGEST = 100_000;

const text = z.string().max(65_536);
const as = z.enum(['node', 'anonymous']);
const asked = { as, url: text, route: text, body: text, serverKey: text.optional() };
const Form: z.ZodType<TryRequest> = z.discriminatedUnion('job', [
  z.strictObject({ job: z.literal('request'), ...asked, once: z.boolean().optional() }),
  z.strictObject({ job: z.literal('session'), ...asked }),
  z.strictObject({ job: z.literal('peers'), as, peer: text, route: text, body: text }),
  z.strictObject({ job: z.literal('broadcast'), as, route: text, body: text }),
  z.strictObject({ job: z.literal('pubsub'), as, topic: text, body: text }),
  z.strictObject({ job: z.literal('lookup'), as, query: text, tcp: z.boolean().optional() }),
]) as z.ZodType<TryRequest>; // which zod has with `| undefined` where something may be left out

export const tryPanel: Panel = (app, { node }) => {
  app.post('/api/try', async (c) => c.json(await tryOut(node, await bodyOf(c, Form))));
};

/** @throws SottoError, StatusError for what cannot be asked so. What came to nothing on its way is a reply. */
export async function tryOut(node: ConsoleNode, form: TryRequest): Promise<TryReply> {
  const begun = performance.now();
  const answer = await ask(node, form).then(
    (value) => ({ ok: true, status: 0, value: shown(value) }),
    (error: unknown) => ({ ok: false, ...failure(error) }),
  );
  return { ...answer, duration: performance.now() - begun };
}

/** @throws what says that the question cannot be asked so. */
function failure(error: unknown): { readonly status: number; readonly value: string } {
  const status = statusOf(error);
  const isAnswer = error instanceof StatusError || (error instanceof SottoError && status >= 500);
  if (!isAnswer || codeOf(error) === 'unavailable') throw error;
  return { status, value: messageOf(error) };
}

function ask(node: ConsoleNode, form: TryRequest): Promise<unknown> {
  const who = form.as === 'node' ? { identity: node.identity } : {};
  switch (form.job) {
    case 'request':
      return request(node, form, who);
    case 'session':
      return session(node, form, who);
    case 'peers':
      return tell(running(node.running.peers, 'peers'), form);
    case 'broadcast':
      return shout(running(node.running.peers, 'peers'), form);
    case 'pubsub':
      return notify(node, form);
    case 'lookup':
      return lookup(node, form, who);
  }
}

type Form<Job extends TryRequest['job']> = Extract<TryRequest, { readonly job: Job }>;
type Who = { readonly identity?: Identity };

async function request(node: ConsoleNode, form: Form<'request'>, who: Who): Promise<unknown> {
  const { url, route, body, once = false, serverKey = node.publicKey } = form;
  const options = { ...who, serverKey, timeout: TIMEOUT, pad: ROOM_FOR_ANSWERS };
  await using client = await RequestClient.connect(url.split(','), options);
  return await client.request(route, typed(body), { once });
}

async function session(node: ConsoleNode, form: Form<'session'>, who: Who): Promise<unknown> {
  const { url, route, body, serverKey = node.publicKey } = form;
  await using client = await SessionClient.connect(url, { ...who, serverKey, timeout: TIMEOUT });
  return await client.request(route, typed(body));
}

function tell(peers: PeerNode, { peer, route, body }: Form<'peers'>): Promise<unknown> {
  return peers.tell(peer, route, typed(body), { timeout: TIMEOUT });
}

async function shout(peers: PeerNode, { route, body }: Form<'broadcast'>): Promise<unknown> {
  peers.broadcast(route, typed(body) ?? null);
  return peers.sealsBroadcasts ? 'Sent, sealed for the group.' : 'Sent, readable by all.';
}

async function notify(node: ConsoleNode, { topic, body }: Form<'pubsub'>): Promise<unknown> {
  const { server, auth } = running(node.running.broadcaster, 'the broadcaster');
  const broadcasters = reachable(server.address);
  await using notifier = await Subscriber.connect({ broadcasters, auth, timeout: TIMEOUT, retries: 0 });
  return await notifier.notify(topic, body);
}

async function lookup(node: ConsoleNode, form: Form<'lookup'>, who: Who): Promise<unknown> {
  const { query, tcp = false } = form;
  const { host, port } = new URL(reachable(`tcp://${running(node.running.lookup, 'lookup').address}`));
  const place = { host: host.slice(0, host.lastIndexOf(':')), port: Number(port), tcp };
  await using client = LookupClient.connect({
    ...place,
    ...who,
    serverKey: node.publicKey,
    timeout: TIMEOUT,
  });
  return await client.query(query);
}

/** @throws SottoError `unavailable`. */
export function running<Part>(part: Part | null, name: string): Part {
  if (part !== null) return part;
  throw new SottoError('unavailable', `There is nobody to ask: ${name} is off in this node, or down.`);
}

/** As commands take a body: JSON where it is JSON, else text; nothing where it is empty. */
export function typed(body: string): unknown {
  if (body === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function shown(value: unknown): string {
  if (value === undefined) return '';
  const text = value instanceof Uint8Array ? (utf8OrNull(value) ?? `0x${encodeHex(value)}`) : value;
  return (typeof text === 'string' ? text : JSON.stringify(value, plainly, 2)).slice(0, LONGEST);
}
