/** What `sotto up` says: one screen of what runs where, and what to try. */

import type { Node } from '../node/node.ts';
import type { PartStatus } from '../node/part.ts';
import { reachable } from '../node/reachable.ts';

/** By the name that works where this was started: in a checkout, npm's start is not on everybody's path. */
function command(): string {
  return process.env.npm_lifecycle_event === undefined ? 'sotto' : './node_modules/.bin/sotto';
}

/** A line to paste; null where no requests are answered. */
export function callLine(node: Node): string | null {
  const { app, request } = node.config;
  const [address] = node.parts.find(({ name }) => name === 'request')?.addresses ?? [];
  if (address === undefined) return null;
  const ask = app === undefined ? '/where/drill' : `${node.routes.find(isPlain) ?? '/'} hello`;
  const raw = request !== false && request.payload === 'raw' ? ' --raw' : '';
  return `${command()} call ${reachable(address)} ${ask}${raw} --server-key ${node.publicKey}`;
}

function isPlain(route: string): boolean {
  return !/[:*]/.test(route);
}

/** Three lines to paste, of what is up. */
export function tryLines(node: Node): readonly string[] {
  const { lookup, broadcaster, peers } = node.running;
  const call = callLine(node);
  const lines: string[] = call === null ? [] : [call];
  if (lookup) {
    const { port } = lookup.address;
    const place = port === 9999 ? '' : ` --port ${port}`;
    lines.push(`${command()} lookup query drill${place} --server-key ${node.publicKey}`);
  }
  if (broadcaster) lines.push(`${command()} sub ${reachable(broadcaster.server.address)} --glob '*'`);
  if (peers) lines.push(`${command()} chat`);
  return lines.slice(0, 3);
}

/** @param link into the console; null where there is none. */
export function textOfUp(node: Node, link: string | null): string {
  const { app } = node.config;
  const tries = tryLines(node);
  const console = [
    'Open the console in a browser of this machine:\n',
    `  ${link}\n`,
    `The link works once, for ten minutes; ${command()} console prints another.`,
  ];
  return [
    `Sotto is up${app === undefined ? ' with its demo app' : `: ${app}`}. Ctrl+C stops it.\n`,
    ...node.parts.filter(({ state }) => state !== 'off').map(lineOf),
    `\n  public key   ${node.publicKey}\n  in words     ${node.publicKey.words}\n`,
    ...(tries.length === 0
      ? []
      : ['Try from another terminal, in this folder:\n', ...tries.map((line) => `  ${line}`), '']),
    ...(link === null ? [] : console),
  ].join('\n');
}

function lineOf({ name, addresses, state, why }: PartStatus): string {
  const text = state === 'up' ? addresses.join('  ') : `is not up: ${why}`;
  return `  ${name.padEnd(12)} ${text}`;
}
