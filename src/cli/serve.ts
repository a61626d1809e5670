/** `sotto serve` and `sotto up`. */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, Option } from 'commander';
import type { App } from '../app/app.ts';
import type { Logger } from '../app/message.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { type NodeConfig, parseConfig, readConfig } from '../node/config.ts';
import { demoApp } from '../node/demo.ts';
import { type Node, serve } from '../node/serve.ts';
import { stopRequested } from '../node/stop.ts';
import {
  assignedAddresses,
  isWorker,
  leaveParent,
  reportListening,
  startWorkers,
  type Workers,
} from '../node/workers.ts';
import { wholeNumber } from './call.ts';
import { ownIdentity } from './keys.ts';
import { createLog, LOG_LEVELS, type LogLevel } from './log.ts';
import { type OutputOptions, printJson, printLine } from './terminal.ts';

interface ServeOptions extends OutputOptions {
  readonly listen?: readonly string[];
  readonly identity?: string;
  readonly payload?: 'routed' | 'raw';
  readonly allow?: readonly string[];
  readonly onceStore?: string;
  readonly replyFactor?: string;
  readonly workers?: number;
  readonly logLevel: LogLevel;
}

interface UpOptions extends OutputOptions {
  readonly config?: string;
  readonly logLevel: LogLevel;
}

/** Where processes that share a port remember `once` requests, unless told otherwise. */
const SHARED_ONCE_STORE = 'sqlite:.sotto/once.db' as const;

export function addServeCommands(program: Command): void {
  program
    .command('serve')
    .argument('<module>', 'a file that exports `app`')
    .description('serve an app of your own')
    .option('--listen <url...>', 'udp://, tcp://, http:// or ws:// with host and port; several')
    .option(
      '--identity <file>',
      "the server's key file; made where it is missing (default .sotto/identity.key)",
    )
    .option('--allow <key...>', 'only these public keys may ask')
    .option('--once-store <store>', 'memory, or sqlite:FILE, which remembers across restarts')
    .option(
      '--reply-factor <number>',
      'how many times longer than its request a reply to an unproven address may be',
    )
    .option('--workers <number>', 'processes that share the ports', wholeNumber)
    .addOption(new Option('--payload <form>', 'raw speaks to PSSST programs').choices(['routed', 'raw']))
    .addOption(logLevel())
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto serve app.ts --listen udp://0.0.0.0:7878 tcp://0.0.0.0:7878')
    .action(serveModule);
  program
    .command('up')
    .description('run a whole node; without a config file it serves a demo on this machine alone')
    .option('--config <file>', 'default sotto.config.json, where there is one')
    .addOption(logLevel())
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto up --config sotto.config.json')
    .action(up);
}

async function serveModule(module: string, options: ServeOptions): Promise<void> {
  const { listen, identity, payload, allow, onceStore, workers, replyFactor } = options;
  const config = parseConfig(
    {
      app: module,
      ...(listen === undefined ? {} : { listen }),
      ...(identity === undefined ? {} : { identity }),
      ...(payload === undefined ? {} : { payload }),
      ...(allow === undefined ? {} : { allow }),
      ...(onceStore === undefined ? {} : { onceStore }),
      ...(workers === undefined ? {} : { workers }),
      ...(replyFactor === undefined ? {} : { limits: { replyFactor: Number(replyFactor) } }),
    },
    'The command line',
  );
  await run(config, options, process.argv.slice(2));
}

async function up(options: UpOptions): Promise<void> {
  await run(await readConfig(options.config), options, process.argv.slice(2));
}

async function run(
  config: NodeConfig,
  options: OutputOptions & { logLevel: LogLevel },
  args: string[],
): Promise<void> {
  const log = createLog(options.logLevel);
  if (isWorker()) return runWorker(config, log);
  const stop = stopRequested(); // before anybody is told that we are up
  const node = config.workers > 1 ? await runWorkers(config, log, args) : await runNode(config, log);
  announce(config, node, options);
  await stop;
  log.info({}, 'closing');
  await node.close();
}

async function runNode(config: NodeConfig, log: Logger, reusePort = false): Promise<Node> {
  const app = config.app === undefined ? demoApp() : await loadApp(config.app);
  const identity = await ownIdentity(config.identity);
  const { onceStore = reusePort ? SHARED_ONCE_STORE : 'memory' } = config;
  return serve(app, { ...config, onceStore }, { identity, log, reusePort });
}

async function runWorker(config: NodeConfig, log: Logger): Promise<void> {
  const stop = stopRequested();
  const node = await runNode({ ...config, listen: [...assignedAddresses()] }, log, true);
  reportListening(node.addresses);
  await stop;
  await node.close();
  leaveParent();
}

async function runWorkers(config: NodeConfig, log: Logger, args: string[]): Promise<Node> {
  const { publicKey } = await ownIdentity(config.identity); // made once, before the workers look for it
  const workers: Workers = await startWorkers({
    count: config.workers,
    script: process.argv[1] ?? '',
    args,
    listen: config.listen,
    log,
  });
  const close = (): Promise<void> => workers.close();
  return { addresses: workers.addresses, publicKey, close, [Symbol.asyncDispose]: close };
}

async function loadApp(module: string): Promise<App> {
  const file = resolve(module);
  let exported: { app?: unknown };
  try {
    exported = (await import(pathToFileURL(file).href)) as { app?: unknown };
  } catch (cause) {
    throw new SottoError('invalid_module', `${module} cannot be loaded: ${messageOf(cause)}`, { cause });
  }
  const { app } = exported;
  if (typeof app === 'object' && app !== null && 'dispatch' in app) return app as App;
  throw new SottoError('invalid_module', `${module} must export an app: export const app = createApp()…`);
}

function announce(config: NodeConfig, node: Node, { json }: OutputOptions): void {
  const command = callLine(node.addresses[0] ?? '', node.publicKey, config);
  if (json) return printJson({ addresses: node.addresses, publicKey: node.publicKey, call: command });
  printLine(`Sotto is up${config.app === undefined ? ' with its demo app' : `: ${config.app}`}.\n`);
  for (const address of node.addresses) printLine(`  ${address}`);
  printLine(`\n  public key  ${node.publicKey}\n  in words    ${node.publicKey.words}\n`);
  printLine(`Ask it from another terminal, in this folder:\n\n  ${command}\n`);
}

/** A line to paste: by the name that works where this was started. */
function callLine(address: string, key: PublicKey, { app, payload }: NodeConfig): string {
  // Started by npm in a checkout, the command is not on everybody's path.
  const name = process.env.npm_lifecycle_event === undefined ? 'sotto' : './node_modules/.bin/sotto';
  const reachable = address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  const ask = app === undefined ? '/echo "hello there"' : '/ hello';
  return `${name} call ${reachable} ${ask}${payload === 'raw' ? ' --raw' : ''} --server-key ${key}`;
}

export function logLevel(): Option {
  return new Option('--log-level <level>', 'what goes to stderr').choices(LOG_LEVELS).default('info');
}
