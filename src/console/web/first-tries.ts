/** What is worth trying first on this node, with the routes and addresses that it has. */

import type { NodeView, PartName, TryRequest } from '../contract.ts';
import { linkTo } from './location.ts';

export interface FirstTry {
  readonly title: string;
  readonly request: TryRequest;
  /** To the form, filled in. */
  readonly link: string;
}

/** Routes of which something sensible comes without a body; the first that there is. */
const INVITING = ['/time', '/whoami', '/where/:thing'];
const EXAMPLES: Readonly<Record<string, string>> = { thing: 'drill' };

export function firstTries(node: NodeView): readonly FirstTry[] {
  const route = exampleRoute(node.routes);
  const url = addressOf(node, 'request') ?? 'udp://127.0.0.1:7878';
  const tries: FirstTry[] = [
    asked('Ask a question, sealed in one packet each way.', {
      as: 'anonymous',
      job: 'request',
      url,
      route,
      body: '',
    }),
  ];
  if (isUp(node, 'lookup')) {
    tries.push(asked('Look a row up in a file.', { as: 'anonymous', job: 'lookup', query: 'drill' }));
  }
  if (isUp(node, 'broadcaster')) {
    tries.push(
      asked('Tell everybody who has subscribed.', {
        as: 'node',
        job: 'pubsub',
        topic: 'orders/new',
        body: 'number 7',
      }),
    );
  }
  if (isUp(node, 'peers')) {
    tries.push(
      asked('Greet everybody on the LAN.', {
        as: 'node',
        job: 'broadcast',
        route: '/hello',
        body: 'cake in the kitchen',
      }),
    );
  }
  return tries.slice(0, 3);
}

/** `/where/:thing` as `/where/drill`. */
export function exampleRoute(routes: readonly string[]): string {
  const route = INVITING.find((one) => routes.includes(one)) ?? routes[0] ?? '/';
  return route.replaceAll(/:(\w+)/g, (_whole, name: string) => EXAMPLES[name] ?? name);
}

/** The first address of a part; of this transport, if one is named. */
export function addressOf(node: NodeView, part: PartName, transport: string | null = null): string | null {
  const addresses = node.parts.find(({ name }) => name === part)?.addresses ?? [];
  return addresses.find((address) => transport === null || address.startsWith(`${transport}:`)) ?? null;
}

export function tryLink(request: TryRequest): string {
  const fields = Object.entries(request).map(([name, value]) => [name, String(value)] as const);
  return linkTo('try', Object.fromEntries(fields));
}

function asked(title: string, request: TryRequest): FirstTry {
  return { title, request, link: tryLink(request) };
}

function isUp(node: NodeView, part: PartName): boolean {
  return node.parts.some(({ name, state }) => name === part && state === 'up');
}
