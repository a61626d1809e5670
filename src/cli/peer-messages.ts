/** `sotto tell`, `sotto shout` and `sotto send`. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { createApp } from '../app/app.ts';
import { codeOf, SottoError } from '../errors.ts';
import { cleanLines } from '../node/clean-text.ts';
import { nameOf } from '../node/peer-text.ts';
import type { PeerNode } from '../peers/node.ts';
import type { Peer } from '../peers/peer.ts';
import { findKnown } from '../peers/table/finder.ts';
import { wholeNumber } from './call.ts';
import { duration } from './duration.ts';
import { typedBody } from './peer-body.ts';
import { findPeer } from './peer-finding.ts';
import { type PeerOptions, startPeer, waitOption, withPeerOptions } from './peer-options.ts';
import { sizeText } from './peer-text.ts';
import { endProgress, printJson, printLine, printValue, showProgress } from './terminal.ts';

interface FindingOptions extends PeerOptions {
  /** ms */
  readonly wait: number;
}

interface TellOptions extends FindingOptions {
  /** ms */
  readonly keep?: number;
  readonly timeout?: number;
}

const PEER = 'a name, an id or its beginning, words, or an address';
/** Until the others have seen who we are, and until a datagram is on its way, ms. */
const GREETING_TIME = 300;
const SHOUT_TIME = 100;

export function addPeerMessageCommands(program: Command): void {
  const tell = program
    .command('tell')
    .argument('<peer>', PEER)
    .argument('<route>', 'such as /echo')
    .argument('[body]', 'JSON, or text; - reads standard input')
    .description('ask a peer, sealed, and print its answer')
    .option('--keep <time>', 'keep it so long where the peer is away, such as 1h', duration)
    .option('--timeout <ms>', 'until an answer must be there', wholeNumber);
  finding(tell, 'sotto tell ada /echo "hello there"').action(tellPeer);
  const shout = program
    .command('shout')
    .argument('<route>', 'such as /news')
    .argument('[body]', 'JSON, or text; - reads standard input')
    .description('tell everybody on this network; readable by all without --group-secret');
  withPeerOptions(shout, 'sotto shout /news "tea is ready"').action(shoutToAll);
  const send = program
    .command('send')
    .argument('<peer>', PEER)
    .argument('<file>', 'of any size')
    .description('send a file to a peer, whose owner decides whether it is taken');
  finding(send, 'sotto send ada holiday.jpg').action(sendFile);
}

function finding(command: Command, example: string): Command {
  return withPeerOptions(command, example).addOption(waitOption('how long to look for the peer', 5));
}

async function tellPeer(
  to: string,
  route: string,
  text: string | undefined,
  options: TellOptions,
): Promise<void> {
  const { keep = 0, timeout, wait } = options;
  const body = await typedBody(text);
  await using node = await startPeer(createApp(), options);
  const peer = await findPeer(node, to, wait).catch((error: unknown) => {
    // Of several who may be meant, the one that was met before need not be it.
    const away = keep > 0 && codeOf(error) !== 'peer_ambiguous' ? pinned(node, to) : null;
    if (away) return away;
    throw error;
  });
  const before = waitingOf(node, peer);
  const answer = await node.tell(peer, route, body, { keep, ...(timeout === undefined ? {} : { timeout }) });
  if (waitingOf(node, peer) > before) return sayKept(peer, keep, options);
  printAnswer(answer, peer, options);
}

/** A peer that is away, whose key was met before. */
function pinned({ pins }: PeerNode, text: string): Peer | null {
  const found = findKnown(
    text,
    pins.list().filter(({ isBlocked }) => !isBlocked),
  );
  if (!found?.publicKey) return null;
  const { id, publicKey, user, hostname } = found;
  return {
    ...{ kind: 'sealed', id, publicKey, words: publicKey.words, user, hostname },
    ...{ addresses: [], lastHeard: 0, protocolVersion: 2 },
    ...{ isVerified: false, isTrusted: pins.get(id)?.isTrusted ?? false, replaces: null },
  };
}

function waitingOf(node: PeerNode, peer: Peer): number {
  return peer.kind === 'sealed' ? (node.waiting.get(peer.id) ?? 0) : 0;
}

function sayKept(peer: Peer, keep: number, options: TellOptions): void {
  const until = new Date(Date.now() + keep);
  if (options.json) return printJson({ ok: true, kept: until.toISOString() });
  printLine(`${nameOf(peer)} is away; the message waits until ${until.toLocaleString('sv')}.`);
  printLine('It goes with the next command here that meets the peer; `sotto inbox` waits for it.');
}

function printAnswer(answer: unknown, peer: Peer, options: TellOptions): void {
  if (options.json) return printValue(answer, options);
  if (answer === undefined) {
    return printLine(
      peer.kind === 'plain' ? `Sent to ${nameOf(peer)}, unsealed.` : `${nameOf(peer)} has it.`,
    );
  }
  // A program gets what was said; a terminal nothing that commands it.
  const isShown = process.stdout.isTTY && typeof answer === 'string';
  printValue(isShown ? cleanLines(answer) : answer, options);
}

async function shoutToAll(route: string, text: string | undefined, options: PeerOptions): Promise<void> {
  const body = await typedBody(text);
  await using node = await startPeer(createApp(), options);
  await delay(GREETING_TIME);
  node.broadcast(route, body ?? null);
  await delay(SHOUT_TIME);
  const isSealed = options.groupSecret !== undefined;
  if (options.json) return printJson({ ok: true, isSealed });
  printLine(isSealed ? 'Sent, sealed for the group.' : 'Sent, readable by all.');
}

async function sendFile(to: string, path: string, options: FindingOptions): Promise<void> {
  await using node = await startPeer(createApp(), options);
  const peer = await findPeer(node, to, options.wait);
  const ending = new AbortController();
  const stop = (): void =>
    ending.abort(new SottoError('aborted', 'Stopped; nothing of the file is left there.'));
  process.once('SIGINT', stop);
  const name = nameOf(peer);
  const onProgress = (sent: number, total: number): void => showProgress(`to ${name}`, sent, total);
  const start = performance.now();
  if (process.stderr.isTTY) process.stderr.write(`Waiting for ${name} to take it …`);
  const sent = await node.sendFile(peer, path, { onProgress, signal: ending.signal }).finally(() => {
    endProgress();
    process.off('SIGINT', stop);
  });
  const time = (performance.now() - start) / 1000;
  const rate = sent.bytesSent / 1e6 / time;
  if (options.json) return printJson({ ok: true, value: { ...sent, seconds: time } });
  printLine(`${name} has it: ${sizeText(sent.size)} in ${time.toFixed(1)} s, ${rate.toFixed(1)} MB/s.`);
}
