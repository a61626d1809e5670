/** `sotto peers` and what belongs to it; the other commands about peers are in the files beside it. */

import { setTimeout as delay } from 'node:timers/promises';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { createApp } from '../app/app.ts';
import { SottoError } from '../errors.ts';
import { nameOf } from '../node/peer-text.ts';
import { parsePeerId } from '../peers/peer.ts';
import { Pins } from '../peers/pins.ts';
import { findKnown, isExactly, type Known } from '../peers/table/finder.ts';
import { addChatCommand } from './chat.ts';
import { addInboxCommand } from './inbox.ts';
import { ownIdentity } from './keys.ts';
import { sealedOf } from './peer-finding.ts';
import { addPeerMessageCommands } from './peer-messages.ts';
import { type PeerOptions, startPeer, waitOption, withPeerOptions } from './peer-options.ts';
import { blockedRow, jsonOf, TABLE_HEAD, tableRow } from './peer-text.ts';
import { watchPeers } from './peer-watch.ts';
import { printFields, printJson, printLine } from './terminal.ts';
import { tableOf } from './text-width.ts';

interface PeersOptions extends PeerOptions {
  readonly watch?: boolean;
  /** ms */
  readonly wait: number;
}

type Verb = 'trust' | 'block' | 'unblock' | 'forget' | 'accept';

const VERBS: Readonly<Record<Verb, string>> = {
  trust: 'say that you have compared the words',
  block: 'hear nothing more of a key, and send nothing to it',
  unblock: 'take a block back',
  forget: 'as if never met',
  accept: 'take the new key of a peer that has changed it',
};
const DONE: Readonly<Record<Verb, string>> = {
  trust: 'trusted',
  block: 'blocked',
  unblock: 'not blocked any more',
  forget: 'forgotten',
  accept: 'taken with the new key',
};

export function addPeerCommands(program: Command): void {
  const group = program.command('peers').description('who is on this network').action(list);
  addOptions(group, 'sotto peers --watch').option('--watch', 'stay, and show who comes and goes');
  for (const verb of Object.keys(VERBS) as Verb[]) {
    const command = group.command(verb).argument('<peer>', 'a name, an id or its beginning, or words');
    addOptions(command.description(VERBS[verb]), `sotto peers ${verb} ada`);
    command.action((peer: string, _: object, self: Command) => mark(verb, peer, saidAnywhere(self)));
  }
  const words = group.command('words').argument('<peer>', 'a name, or an id or its beginning');
  addOptions(words.description('show your words and theirs, to compare aloud'), 'sotto peers words ada');
  words.action((peer: string, _: object, self: Command) => showWords(peer, saidAnywhere(self)));
  addPeerMessageCommands(program);
  addInboxCommand(program);
  addChatCommand(program);
}

/** The options are the group's too: what was said, before the verb or behind it, goes before any default. */
function saidAnywhere(command: Command): PeersOptions {
  const said = (each: Command | null): object => {
    const entries = Object.entries(each?.opts() ?? {});
    return Object.fromEntries(entries.filter(([name]) => each?.getOptionValueSource(name) !== 'default'));
  };
  return { ...command.opts<PeersOptions>(), ...said(command.parent), ...said(command) };
}

function addOptions(command: Command, example: string): Command {
  return withPeerOptions(command, example).addOption(waitOption('how long to look', 2));
}

async function list(options: PeersOptions): Promise<void> {
  await using node = await startPeer(createApp(), options);
  if (options.watch) return await watchPeers(node, options);
  await delay(options.wait);
  const { peers, pins } = node;
  const blocked = pins.list().filter(({ isBlocked }) => isBlocked);
  if (options.json) {
    return printJson({
      peers: peers.map(jsonOf),
      blocked: blocked.map(({ id, user, hostname }) => ({ id, user, hostname })),
    });
  }
  const rows = [...peers.map((peer) => tableRow(peer, peers, Date.now())), ...blocked.map(blockedRow)];
  if (rows.length === 0)
    return printLine('Nobody is there. Is `sotto inbox` or `sotto chat` running elsewhere?');
  const [head = '', ...lines] = tableOf([TABLE_HEAD, ...rows]);
  printLine(styleText('dim', head));
  for (const line of lines) printLine(line);
}

async function mark(verb: Verb, text: string, options: PeersOptions): Promise<void> {
  const who = verb === 'accept' ? await accept(text, options) : await change(verb, text, options);
  const words = who.publicKey?.words ?? '';
  if (options.json) return printJson({ ok: true, value: { id: who.id, words, done: DONE[verb] } });
  printLine(`${nameOf(who) || who.id.slice(0, 12)} is ${DONE[verb]}${words === '' ? '.' : `: ${words}`}`);
}

async function change(verb: Exclude<Verb, 'accept'>, text: string, options: PeersOptions): Promise<Known> {
  const isOfPins = verb === 'unblock' || verb === 'forget';
  const who = await identify(text, options, isOfPins);
  await using pins = await Pins.load(options.pins);
  const { id, publicKey, user, hostname } = who;
  if (isOfPins) pins[verb](id);
  else pins[verb](publicKey === null ? id : { publicKey, user, hostname });
  return who;
}

/** By the pins alone where that is sure; a name may be another's on the network now. */
async function identify(text: string, options: PeersOptions, isOfPins: boolean): Promise<Known> {
  const pinned = await loadPins(options);
  const exact = pinned.find((pin) => isExactly(pin, text));
  if (exact) return exact;
  const there = isOfPins ? [] : await lookAround(options);
  const found = findKnown<Known>(text, [...pinned, ...there]);
  if (found) return found;
  const id = parsePeerId(text);
  if (id !== null) return { id, publicKey: null, user: '', hostname: '' };
  throw new SottoError('peer_unknown', `Nobody is known as "${text}"; \`sotto peers\` lists who is there.`);
}

async function loadPins({ pins: file }: PeersOptions): Promise<ReturnType<Pins['list']>> {
  await using pins = await Pins.load(file);
  return pins.list();
}

async function lookAround(options: PeersOptions): Promise<Known[]> {
  await using node = await startPeer(createApp(), options);
  await delay(options.wait);
  return sealedOf(node.peers).filter(({ isVerified }) => isVerified);
}

async function accept(text: string, options: PeersOptions): Promise<Known> {
  await using node = await startPeer(createApp(), options);
  await delay(options.wait);
  const changed = sealedOf(node.peers).filter(({ replaces }) => replaces !== null);
  const peer = findKnown(text, changed);
  if (!peer || peer.replaces === null) {
    throw new SottoError('peer_unknown', `Nobody who is meant by "${text}" has come with a new key.`);
  }
  node.pins.accept(peer, peer.replaces);
  return peer;
}

async function showWords(text: string, options: PeersOptions): Promise<void> {
  const { publicKey: own } = await ownIdentity(options.identity);
  const { publicKey, ...who } = await identify(text, options, false);
  if (publicKey === null) throw new SottoError('invalid_argument', 'The key of that id was never seen.');
  if (options.json) return printJson({ yours: own.words, theirs: publicKey.words, id: who.id });
  printFields({ yours: own.words, [nameOf(who)]: publicKey.words }, options);
  printLine(`\nThe same on both screens? Then: sotto peers trust ${who.id.slice(0, 12)}`);
}
