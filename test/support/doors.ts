/** Every door of one node: how a message comes in by each, and what it cannot carry. */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createApp } from '../../src/app/app.ts';
import type { Identity, Node } from '../../src/index.ts';
import { LookupClient, lookup } from '../../src/lookup/client.ts';
import { PeerNode } from '../../src/peers/index.ts';
import { Subscriber } from '../../src/pubsub/index.ts';
import { RequestClient } from '../../src/request/index.ts';
import { SessionClient } from '../../src/session/index.ts';

/** Plain lookups are told of no refusal; ms. */
const PLAIN_TIMEOUT = 2000;

export interface Door {
  readonly name: string;
  readonly protocol: 'request' | 'session' | 'peers' | 'pubsub' | 'lookup';
  /** What stands behind the sender; `none` where nobody is proven. */
  readonly proof: 'packet' | 'session' | 'peer' | 'none';
  readonly isSealed: boolean;
  /** `any` value, what `json` can hold, `text`, or `bytes`, of which the app makes text and JSON. */
  readonly carries: 'any' | 'json' | 'text' | 'bytes';
  /** Undefined, where the wire has no answer. */
  readonly ask: ((route: string, body?: unknown) => Promise<unknown>) | undefined;
  readonly tell: (route: string, body?: unknown) => Promise<unknown>;
}

/** The address of a node that begins so. */
export function addressOf(node: Node, scheme: string, part: string): string {
  const { addresses = [] } = node.parts.find(({ name }) => name === part) ?? {};
  const address = addresses.find((each) => each.startsWith(`${scheme}:`));
  if (address === undefined) throw new Error(`${part} does not listen at ${scheme}:`);
  return address;
}

export const randomUdpPort = (): number => randomInt(20_000, 60_000);

/** Of TCP, on this machine. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** All of them, with somebody known and with nobody at each; closed together. */
export async function openDoors(
  node: Node,
  { udpPort, visitor }: { readonly udpPort: number; readonly visitor: Identity },
): Promise<{ readonly doors: readonly Door[]; readonly close: () => Promise<void> }> {
  const serverKey = node.publicKey;
  const closing = new AsyncDisposableStack();
  const doors: Door[] = [];
  for (const scheme of ['udp', 'tcp', 'http', 'ws']) {
    for (const who of [{}, { identity: visitor }]) {
      const address = addressOf(node, scheme, 'request');
      const client = closing.use(await RequestClient.connect(address, { serverKey, pad: 600, ...who }));
      doors.push(
        answering(`request ${scheme}`, 'request', 'packet', who, (...ask) => client.request(...ask)),
      );
    }
  }
  for (const scheme of ['ws', 'http']) {
    for (const who of [{}, { identity: visitor }]) {
      const client = await SessionClient.connect(addressOf(node, scheme, 'sessions'), { serverKey, ...who });
      closing.use(client);
      doors.push(
        answering(`session ${scheme}`, 'session', 'session', who, (...ask) => client.request(...ask)),
      );
    }
  }
  for (const tcp of [false, true]) {
    const place = { host: '127.0.0.1', port: node.running.lookup?.address.port ?? 0, tcp };
    for (const who of [{}, { identity: visitor }]) {
      const client = closing.use(LookupClient.connect({ ...place, serverKey, ...who }));
      const ask: Ask = (route, body) => client.query(queryOf(route, body));
      const door = answering(`lookup ${tcp ? 'tcp' : 'udp'}`, 'lookup', 'packet', who, ask);
      doors.push({ ...door, carries: 'text' });
    }
    const plain: Ask = (route, body) =>
      lookup(queryOf(route, body), { ...place, scheme: 'plain', timeout: PLAIN_TIMEOUT });
    const door = answering(`plain lookup ${tcp ? 'tcp' : 'udp'}`, 'lookup', 'packet', {}, plain);
    doors.push({ ...door, isSealed: false, carries: 'text' });
  }
  const peer = closing.use(
    await PeerNode.start(createApp(), {
      identity: visitor,
      user: 'visitor',
      udpPort,
      tcpPort: 0,
      interfaces: ['127.0.0.1'],
    }),
  );
  const { promise: found, resolve } = Promise.withResolvers<void>();
  peer.on('verified', ({ peer: { id } }) => id === serverKey.fingerprint && resolve());
  await found;
  doors.push(
    answering('peer', 'peers', 'peer', { identity: visitor }, (...ask) =>
      peer.tell(serverKey.fingerprint, ...ask),
    ),
  );
  doors.push({
    ...{
      name: 'broadcast on the LAN',
      protocol: 'peers',
      proof: 'none',
      isSealed: false,
      carries: 'json',
      ask: undefined,
    },
    tell: async (route, body) => peer.broadcast(route, body),
  });
  const { address } = node.running.broadcaster?.server ?? { address: '' };
  for (const transport of ['http', 'websocket'] as const) {
    const publisher = closing.use(await Subscriber.connect({ broadcasters: address, transport }));
    doors.push({
      ...{
        name: `topic by ${transport}`,
        protocol: 'pubsub',
        proof: 'none',
        isSealed: false,
        carries: 'bytes',
        ask: undefined,
      },
      tell: (route, body) => publisher.notify(route.slice(1), textOf(body)),
    });
  }
  return { doors, close: () => closing.disposeAsync() };
}

type Ask = (route: string, body?: unknown) => Promise<unknown>;

function answering(
  name: string,
  protocol: Door['protocol'],
  proof: Door['proof'],
  who: { readonly identity?: Identity },
  ask: Ask,
): Door {
  const isKnown = who.identity !== undefined;
  return {
    ...{
      name: `${name}, ${isKnown ? 'known' : 'anonymous'}`,
      protocol,
      isSealed: true,
      carries: 'any',
      ask,
      tell: ask,
    },
    // A session proves the server and the key exchange also where nobody says who asks.
    proof: isKnown || protocol === 'session' ? proof : 'none',
  };
}

function queryOf(route: string, body: unknown): string {
  return body === undefined ? route : `${route} ${textOf(body)}`;
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : (JSON.stringify(body) ?? '');
}
