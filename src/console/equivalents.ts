/** What the page's forms do, as a command for bash and as a program: to take along, and to learn from. Pure. */

import { reachable } from '../node/reachable.ts';
import type { NodeView, TryRequest } from './contract.ts';

export interface Equivalents {
  /** Null where no command does it. */
  readonly command: string | null;
  /** A module for Node, with this package. */
  readonly code: string;
}

/** What of a node the lines need. */
export type Asked = Pick<NodeView, 'publicKey' | 'identity' | 'data' | 'topicsAuth' | 'parts'>;

type Form<Job extends TryRequest['job']> = Extract<TryRequest, { readonly job: Job }>;

/** Where commands look unless told otherwise. */
const USUAL = { data: '.sotto', identity: '.sotto/identity.key', host: '127.0.0.1', port: '9999' };

export function equivalentsOf(form: TryRequest, node: Asked): Equivalents {
  switch (form.job) {
    case 'request':
      return request(form, node);
    case 'session':
      return { command: null, code: session(form, node) };
    case 'peers':
      return { command: tellCommand(form, node), code: tellCode(form, node) };
    case 'broadcast':
      return { command: shoutCommand(form, node), code: shoutCode(form, node) };
    case 'pubsub':
      return notify(form, node);
    case 'lookup':
      return lookup(form, node);
  }
}

function request(form: Form<'request'>, { publicKey, identity }: Asked): Equivalents {
  const { as, url, route, body, once = false, serverKey = publicKey } = form;
  const options = {
    'server-key': serverKey,
    ...(as === 'node' ? { identity } : {}),
    ...(once ? { once } : {}),
  };
  const urls = url.split(',');
  const where = urls.length > 1 ? `[${urls.map(literal).join(', ')}]` : literal(url);
  return {
    command: command('sotto call', [url, route], body, options),
    code: lines(
      ...imports({ 'sotto/request': ['RequestClient'] }, as === 'node'),
      ...(as === 'node' ? [load(identity)] : []),
      `await using client = await RequestClient.connect(${where}, { ${credentials(as, serverKey)} });`,
      `console.log(await client.request(${args(literal(route), value(body), once ? '{ once: true }' : '')}));`,
    ),
  };
}

function session(form: Form<'session'>, { publicKey, identity }: Asked): string {
  const { as, url, route, body, serverKey = publicKey } = form;
  return lines(
    ...imports({ 'sotto/session': ['SessionClient'] }, as === 'node'),
    ...(as === 'node' ? [load(identity)] : []),
    `await using client = await SessionClient.connect(${literal(url)}, { ${credentials(as, serverKey)} });`,
    `console.log(await client.request(${args(literal(route), value(body))}));`,
  );
}

function tellCommand({ peer, route, body }: Form<'peers'>, node: Asked): string {
  return command('sotto tell', [peer, route], body, ownFiles(node));
}

function tellCode({ peer, route, body }: Form<'peers'>, node: Asked): string {
  return lines(
    ...peerNode(node),
    'await new Promise((resolve) => setTimeout(resolve, 2000)); // until the others have answered',
    `console.log(await node.tell(${args(literal(peer), literal(route), value(body))}));`,
  );
}

function shoutCommand({ route, body }: Form<'broadcast'>, node: Asked): string {
  return command('sotto shout', [route], body, ownFiles(node));
}

function shoutCode({ route, body }: Form<'broadcast'>, node: Asked): string {
  return lines(...peerNode(node), `node.broadcast(${literal(route)}, ${value(body) || 'null'});`);
}

function notify({ topic, body }: Form<'pubsub'>, node: Asked): Equivalents {
  const url = addressOf(node, 'broadcaster') ?? 'http://127.0.0.1:3003';
  const { topicsAuth } = node;
  const names = topicsAuth === null ? ['Subscriber'] : ['authFromFile', 'Subscriber'];
  const auth = topicsAuth === null ? '' : `, auth: await authFromFile(${literal(topicsAuth)})`;
  return {
    command: command('sotto pub', [url, topic], body, topicsAuth === null ? {} : { auth: topicsAuth }),
    code: lines(
      ...imports({ 'sotto/pubsub': names }, false),
      `await using notifier = await Subscriber.connect({ broadcasters: ${literal(url)}${auth} });`,
      `console.log(await notifier.notify(${literal(topic)}, ${literal(body)}));`,
    ),
  };
}

function lookup({ as, query, tcp = false }: Form<'lookup'>, node: Asked): Equivalents {
  const { publicKey, identity } = node;
  const { host, port } = placeOf(addressOf(node, 'lookup'));
  const options = {
    ...(host === USUAL.host ? {} : { host }),
    ...(port === USUAL.port ? {} : { port }),
    'server-key': publicKey,
    ...(as === 'node' ? { identity } : {}),
    ...(tcp ? { tcp } : {}),
  };
  const place = `host: ${literal(host)}, port: ${port}, ${tcp ? 'tcp: true, ' : ''}${credentials(as, publicKey)}`;
  return {
    command: command('sotto lookup query', [query], '', options),
    code: lines(
      ...imports({ 'sotto/lookup': ['lookup'] }, as === 'node'),
      ...(as === 'node' ? [load(identity)] : []),
      `console.log(await lookup(${literal(query)}, { ${place} }));`,
    ),
  };
}

/** @param body left out where it is empty; a command takes `-` for its standard input. */
function command(
  name: string,
  positionals: readonly string[],
  body: string,
  options: Readonly<Record<string, string | true>>,
): string {
  const words = [...positionals, ...(body === '' ? [] : [body])];
  const flags = Object.entries(options).flatMap(([flag, content]) =>
    content === true ? [`--${flag}`] : [`--${flag}`, quoted(content)],
  );
  // What begins with a dash would be taken for an option.
  const isPlain = words.every((word) => !word.startsWith('-'));
  const parts = isPlain ? [...words.map(quoted), ...flags] : [...flags, '--', ...words.map(quoted)];
  return `${body === '-' ? 'printf %s - | ' : ''}${[name, ...parts].join(' ')}`;
}

/** As one word of bash, whatever is in it. */
export function quoted(word: string): string {
  if (/^[A-Za-z0-9_./:@%+,-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function ownFiles({ identity, data }: Asked): Record<string, string> {
  return {
    ...(identity === USUAL.identity ? {} : { identity }),
    ...(data === USUAL.data ? {} : { pins: `${data}/peers.json` }),
  };
}

function imports(modules: Readonly<Record<string, readonly string[]>>, needsIdentity: boolean): string[] {
  const all = needsIdentity ? { sotto: ['Identity'], ...modules } : modules;
  const statements = Object.entries(all).map(
    ([from, names]) => `import { ${names.join(', ')} } from '${from}';`,
  );
  return [...statements, ''];
}

function load(file: string): string {
  return `const identity = await Identity.load(${literal(file)});`;
}

function credentials(as: TryRequest['as'], serverKey: string): string {
  return `serverKey: ${literal(serverKey)}${as === 'node' ? ', identity' : ''}`;
}

function peerNode({ identity, data }: Asked): string[] {
  return [
    ...imports({ sotto: ['createApp', 'Identity'], 'sotto/peers': ['PeerNode'] }, false),
    load(identity),
    `const options = { identity, tcpPort: 0, pinFile: ${literal(`${data}/peers.json`)} };`,
    'await using node = await PeerNode.start(createApp(), options);',
  ];
}

/** A body as an expression: what JSON can read stands as it is, all else as text; empty for none. */
function value(body: string): string {
  if (body === '') return '';
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'string') return literal(parsed);
    // In a program this name sets something else.
    return body.includes('__proto__') ? `JSON.parse(${literal(body)})` : body.trim();
  } catch {
    return literal(body);
  }
}

/** Leaves out what is empty at the end; what is empty before that is undefined. */
function args(...all: readonly string[]): string {
  const last = all.findLastIndex((each) => each !== '');
  return all
    .slice(0, last + 1)
    .map((each) => each || 'undefined')
    .join(', ');
}

function literal(text: string): string {
  const inner = JSON.stringify(text).slice(1, -1);
  return `'${inner.replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}

function addressOf({ parts }: Asked, name: 'broadcaster' | 'lookup'): string | undefined {
  const address = parts.find((part) => part.name === name)?.addresses[0];
  return address === undefined ? undefined : reachable(address);
}

function placeOf(address: string | undefined): { readonly host: string; readonly port: string } {
  const [, host = USUAL.host, port = USUAL.port] = /^\w+:\/\/\[?(.+?)\]?:(\d+)$/.exec(address ?? '') ?? [];
  return { host, port };
}
