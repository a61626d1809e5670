/** `sotto peers --watch`: a table that keeps up with the network, or a line for each event. */

import { styleText } from 'node:util';
import { firstWords, textOfEvent } from '../node/peer-text.ts';
import { stopRequested } from '../node/stop.ts';
import type { PeerNode } from '../peers/node.ts';
import type { PeerEvent } from '../peers/peer-event.ts';
import { FullScreen, type Key } from './full-screen.ts';
import { EVENTS } from './peer-finding.ts';
import { jsonOfEvent, TABLE_HEAD, tableRow } from './peer-text.ts';
import { type OutputOptions, printJson, printLine } from './terminal.ts';
import { fit, tableOf } from './text-width.ts';

/** Events below the table. */
const MOST_NEWS = 5;

export async function watchPeers(node: PeerNode, options: OutputOptions): Promise<void> {
  const stop = stopRequested();
  if (options.json || !FullScreen.isPossible()) return printEvents(node, options, stop);
  const news: string[] = [];
  const quit = Promise.withResolvers<void>();
  const onKey = (_text: string, { name, ctrl }: Key): void => {
    if (name === 'q' || (ctrl && name === 'c')) quit.resolve();
  };
  using screen = new FullScreen({ onKey, onResize: () => draw() });
  const draw = (): void => screen.draw(watchLines(node, news, screen), null);
  listen(node, (event) => {
    news.push(`${new Date().toTimeString().slice(0, 8)} ${textOfEvent(event)}`);
    if (news.length > MOST_NEWS) news.shift();
    draw();
  });
  draw();
  const clock = setInterval(draw, 1000); // "heard" grows older
  await Promise.race([stop, quit.promise]);
  clearInterval(clock);
}

async function printEvents(node: PeerNode, { json }: OutputOptions, stop: Promise<void>): Promise<void> {
  listen(node, (event) =>
    json ? printJson(jsonOfEvent(event)) : printLine(`${event.type}: ${textOfEvent(event)}`),
  );
  process.stderr.write(`Watching, as ${firstWords(node.publicKey)} …\n`);
  await stop;
}

function listen(node: PeerNode, onEvent: (event: PeerEvent) => void): void {
  for (const type of EVENTS) node.on(type, onEvent);
}

/** Pure but for the node. */
function watchLines(
  { peers, publicKey }: PeerNode,
  news: readonly string[],
  { size: { columns, rows }, hasColours }: FullScreen,
): string[] {
  const dim = (text: string): string =>
    hasColours ? styleText('dim', text, { validateStream: false }) : text;
  const now = Date.now();
  const room = Math.max(1, rows - MOST_NEWS - 4);
  const table = [TABLE_HEAD, ...peers.slice(0, room).map((peer) => tableRow(peer, peers, now))];
  const [head = '', ...lines] = tableOf(table).map((line) => fit(line, columns));
  const count = peers.length === 1 ? '1 peer' : `${peers.length} peers`;
  const title = fit(`${count}; you are ${firstWords(publicKey)} …   q ends`, columns);
  const body = [title, '', dim(head), ...lines];
  const gap = Math.max(0, rows - body.length - news.length);
  return [...body, ...Array<string>(gap).fill(''), ...news.map((line) => dim(fit(line, columns)))];
}
