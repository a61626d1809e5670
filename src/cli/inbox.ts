/** `sotto inbox`: prints every message that comes, and takes files. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Command, Option } from 'commander';
import { type App, appFrom, createApp } from '../app/app.ts';
import type { Context } from '../app/context.ts';
import { messageOf, StatusError } from '../errors.ts';
import { cleanLine } from '../node/clean-text.ts';
import { type PeerSender, senderOf } from '../node/peer-sender.ts';
import { firstWords, nameOf } from '../node/peer-text.ts';
import { stopRequested } from '../node/stop.ts';
import type { PeerNode } from '../peers/node.ts';
import { fileDecisions } from './inbox-files.ts';
import { type PeerOptions, startPeer, withPeerOptions } from './peer-options.ts';
import { printJson, printLine } from './terminal.ts';

interface InboxOptions extends PeerOptions {
  readonly downloads: string;
  readonly accept?: 'all' | 'trusted' | 'ask' | 'none';
  readonly route?: readonly string[];
  readonly exec?: string;
}

interface Message {
  readonly route: string;
  readonly sender: PeerSender;
  readonly body: unknown;
  readonly bytes: Uint8Array;
}

/** Messages that wait for the command before them to end. */
const MOST_WAITING = 1000;

export function addInboxCommand(program: Command): void {
  const inbox = program
    .command('inbox')
    .description('print what others tell you, and take their files, until it is stopped')
    .option('--downloads <folder>', 'where files go', 'downloads')
    .addOption(
      new Option('--accept <whose>', 'files that are taken (default: ask on a terminal, else none)').choices([
        'all',
        'trusted',
        'ask',
        'none',
      ]),
    )
    .option('--route <route...>', 'only these, such as /news or /chat/* (default: all)')
    .option(
      '--exec <command>',
      'run this for each message: the body on standard input; SOTTO_ROUTE, SOTTO_SENDER, SOTTO_USER, SOTTO_SEAL',
    );
  withPeerOptions(inbox, 'sotto inbox --accept trusted').action(run);
}

async function run(options: InboxOptions): Promise<void> {
  const stop = stopRequested();
  const { downloads: folder, accept = process.stdin.isTTY ? 'ask' : 'none', json = false } = options;
  let running: PeerNode | null = null;
  let [queue, waiting] = [Promise.resolve(), 0];
  const handler = (ctx: Context): void => {
    if (waiting >= MOST_WAITING) throw new StatusError(503, 'Too much waits here already.');
    const { route, body, bytes } = ctx;
    const message = { route, body, bytes, sender: senderOf(ctx, running) };
    waiting++;
    queue = queue.then(() => take(message, options)).finally(() => waiting--);
  };
  const peers = (): PeerNode | null => running;
  const files = fileDecisions({ folder, accept, json, peers });
  await using node = await startPeer(appOf(handler, options), options, { files });
  running = node;
  process.stderr.write(
    `Listening at port ${node.port}, as ${firstWords(node.publicKey)} …; files: ${accept}.\n`,
  );
  await stop;
  await queue;
}

function appOf(handler: (ctx: Context) => void, { route: routes }: InboxOptions): App {
  if (routes === undefined) return appFrom(handler);
  const app = createApp();
  for (const route of routes) app.on(route, handler);
  return app;
}

async function take(message: Message, { exec, json }: InboxOptions): Promise<void> {
  if (exec !== undefined) {
    return execute(exec, message).catch((error: unknown) => {
      process.stderr.write(`"${exec}" cannot be run: ${messageOf(error)}\n`);
    });
  }
  const { route, body, sender } = message;
  const { seal, id, user, hostname, mark, remote } = sender;
  if (json) return printJson({ route, body, seal, sender: { id, user, hostname, mark, remote } });
  printLine(`${labelOf(sender)} ${cleanLine(route)}: ${shown(body)}`);
}

/** `ada@desk [sealed, trusted]`, or `~ada@desk [plain]` of whom it is only said. */
function labelOf({ seal, user, hostname, mark, remote }: PeerSender): string {
  if (seal === 'sealed') return `${nameOf({ user, hostname })} [sealed, ${mark}]`;
  return `${user === '' ? (remote ?? '?') : `~${nameOf({ user, hostname })}`} [${seal}]`;
}

function shown(body: unknown): string {
  if (body instanceof Uint8Array) return `${body.length} bytes`;
  return cleanLine(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));
}

/** One at a time, in the order in which they came. */
async function execute(command: string, { route, sender, body, bytes }: Message): Promise<void> {
  const { id, user, seal } = sender;
  const env = {
    ...process.env,
    SOTTO_ROUTE: route,
    SOTTO_SENDER: id ?? '',
    SOTTO_USER: user,
    SOTTO_SEAL: seal,
  };
  const child = spawn(command, { shell: true, stdio: ['pipe', 'inherit', 'inherit'], env });
  child.stdin.on('error', () => {}); // a command need not read what it is given
  child.stdin.end(typeof body === 'string' ? body : bytes);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) process.stderr.write(`"${command}" ended with ${code}\n`);
}
