/** Which files of others are taken, and what is said of them. */

import { createInterface } from 'node:readline/promises';
import { messageOf } from '../errors.ts';
import { cleanLine } from '../node/clean-text.ts';
import { nameOf } from '../node/peer-text.ts';
import type { FileOffer, ReceivedFile } from '../peers/files/receiver.ts';
import type { PeerNode } from '../peers/node.ts';
import type { FileOptions } from '../peers/options.ts';
import { sizeText } from './peer-text.ts';
import { endProgress, printJson, printLine, showProgress } from './terminal.ts';

interface Decisions {
  readonly folder: string;
  readonly accept: 'all' | 'trusted' | 'ask' | 'none';
  readonly json: boolean;
  /** Null until it is up. */
  readonly peers: () => PeerNode | null;
}

/** Shorter ones have come before anybody could look, bytes. */
const LONG = 8 * 1024 * 1024;

export function fileDecisions({ folder, accept, json, peers }: Decisions): FileOptions {
  const who = ({ from }: FileOffer): string => ownerOf(peers(), from);
  const isTrusted = ({ from }: FileOffer): boolean => peers()?.pins.get(from)?.isTrusted ?? false;
  let asked: Promise<unknown> = Promise.resolve();
  const ask = (offer: FileOffer, signal: AbortSignal): Promise<boolean> => {
    const answer = asked.then(() =>
      askOwner(`${who(offer)} offers ${describe(offer)}. Take it? [y/N] `, signal),
    );
    asked = answer;
    return answer;
  };
  const say = (type: string, offer: FileOffer, text: string, more: object = {}): void => {
    endProgress();
    if (json) printJson({ file: type, ...offer, ...more });
    else printLine(`${who(offer)}: ${text}`);
  };
  return {
    folder,
    onOffer: (offer, signal) => {
      if (accept === 'ask') return ask(offer, signal);
      const isTaken = accept === 'all' || (accept === 'trusted' && isTrusted(offer));
      if (!isTaken) say('refused', offer, `${describe(offer)} was offered, and refused`);
      return isTaken;
    },
    onProgress: (offer, received) => {
      if (offer.size >= LONG) showProgress(cleanLine(offer.name), received, offer.size);
    },
    onReceived: (file: ReceivedFile) => say('received', file, `${file.path}, ${sizeText(file.size)}`),
    onFailed: (offer, error) =>
      say('failed', offer, `${describe(offer)} did not come: ${messageOf(error)}`, { why: messageOf(error) }),
  };
}

function ownerOf(node: PeerNode | null, from: string): string {
  const known = node?.peers.find((peer) => peer.kind === 'sealed' && peer.id === from);
  return known ? nameOf(known) : from.slice(0, 12);
}

function describe({ name, size }: FileOffer): string {
  return `${cleanLine(name)} (${sizeText(size)})`;
}

/** Nobody there to ask, or an offer taken back: no. */
async function askOwner(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || signal.aborted) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C ends the program, as it does while nothing is asked.
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return /^y(es)?$/i.test((await terminal.question(question, { signal })).trim());
  } catch {
    process.stderr.write(' taken back\n');
    return false;
  } finally {
    terminal.close();
  }
}
