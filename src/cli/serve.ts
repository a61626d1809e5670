/** `sotto serve` and `sotto up`. */

import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, Option } from 'commander';
import type { App } from '../app/app.ts';
import type { Logger } from '../app/message.ts';
import { messageOf, SottoError } from '../errors.ts';
import { type NodeConfig, parseConfig, readConfig } from '../node/config.ts';
import { stampDataFolder } from '../node/data-version.ts';
import { demoApp } from '../node/demo.ts';
import type { Node, ReloadReport } from '../node/node.ts';
import type { RequestSection } from '../node/sections.ts';
import { type ServeExtras, serve } from '../node/serve.ts';
import { stopOrReload, stopRequested } from '../node/stop.ts';
import { version } from '../node/version.ts';
import {
  assignment,
  isWorker,
  leaveParent,
  reportListening,
  startWorkers,
  type Workers,
} from '../node/workers.ts';
import { wholeNumber } from './call.ts';
import { ownIdentities } from './keys.ts';
import { createLog, LOG_LEVELS, type LogLevel } from './log.ts';
import { type OutputOptions, printJson, printLine } from './terminal.ts';
import { callLine, textOfUp, tryLines } from './up-text.ts';

interface RunOptions extends OutputOptions {
  /** Of the node that is run; what the console changes. */
  readonly config?: string;
  readonly logLevel: LogLevel;
}

interface ServeOptions extends RunOptions {
  readonly listen?: readonly string[];
  readonly identity?: string;
  readonly revoked?: string;
  readonly payload?: 'routed' | 'raw';
  readonly allow?: readonly string[];
  readonly onceStore?: string;
  readonly replyFactor?: string;
  readonly workers?: number;
}

/** Reads what is to be served; again where it may have changed. */
type ReadConfig = () => Promise<NodeConfig>;

const NOTHING_ELSE = { lookup: false, broadcaster: false, sessions: false, peers: false, console: false };

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
    .option('--revoked <file>', 'keys that may not ask (default .sotto/revoked.json)')
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
    .description('run a whole node; without a config file it serves a demo on this machine')
    .option('--config <file>', 'default sotto.config.json, where there is one; SIGHUP reads it again')
    .addOption(logLevel())
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto up --config sotto.config.json')
    .action(up);
}

async function serveModule(module: string, options: ServeOptions): Promise<void> {
  const { listen, identity, revoked, payload, allow, onceStore, workers, replyFactor } = options;
  const config = parseConfig(
    {
      app: module,
      ...(identity === undefined ? {} : { identity }),
      ...(revoked === undefined ? {} : { revoked }),
      request: {
        ...(listen === undefined ? {} : { listen }),
        ...(payload === undefined ? {} : { payload }),
        ...(allow === undefined ? {} : { allow }),
        ...(onceStore === undefined ? {} : { onceStore }),
        ...(workers === undefined ? {} : { workers }),
        ...(replyFactor === undefined ? {} : { limits: { replyFactor: Number(replyFactor) } }),
      },
      ...NOTHING_ELSE,
    },
    'The command line',
  );
  await run(
    async () => config,
    options,
    (node, { json }) => {
      const command = callLine(node);
      if (json) return printJson({ addresses: node.addresses, publicKey: node.publicKey, call: command });
      printLine(`Sotto is up: ${module}.\n`);
      for (const address of node.addresses) printLine(`  ${address}`);
      printLine(`\n  public key  ${node.publicKey}\n  in words    ${node.publicKey.words}\n`);
      printLine(`Ask it from another terminal, in this folder:\n\n  ${command}\n`);
    },
  );
}

async function up(options: RunOptions): Promise<void> {
  await run(
    () => readConfig(options.config),
    options,
    (node, { json }) => {
      const { addresses, publicKey, parts } = node;
      const link = node.running.console?.link() ?? null;
      const lines = { call: callLine(node), try: tryLines(node) };
      if (json) return printJson({ addresses, publicKey, ...lines, parts, link });
      printLine(textOfUp(node, link));
    },
  );
}

async function run(
  read: ReadConfig,
  options: RunOptions,
  announce: (node: Node, options: OutputOptions) => void,
): Promise<void> {
  const log = createLog(options.logLevel);
  if (isWorker()) return runWorker(log);
  const config = await read();
  let node: Node | null = null;
  // Before anybody is told that we are up.
  const stop = stopOrReload(async () => {
    if (node) await reload(node, read);
  });
  node = await start(config, log, options.config === undefined ? {} : { configFile: options.config });
  announce(node, options);
  await stop;
  log.info({}, 'closing');
  await node.close();
}

async function start(config: NodeConfig, log: Logger, extras: ServeExtras): Promise<Node> {
  const { identities: identity, load: loadIdentities, sealed } = await ownIdentities(config.identity);
  await stampDataFolder(config.data, version());
  const starting: { node: Node | null } = { node: null };
  const lookup = (): Node['running']['lookup'] => starting.node?.running.lookup ?? null;
  const demo = demoApp(lookup);
  const loadApp = async ({ app }: NodeConfig): Promise<App> => (app === undefined ? demo : importApp(app));
  const node = await serve(await loadApp(config), config, {
    ...{ ...extras, ...sealed, identity, loadIdentities, log, loadApp },
    startWorkers: (config) => startRequestWorkers(config, log),
  });
  starting.node = node;
  return node;
}

/** Each with the config that is now to be in force, whatever its file says. */
function startRequestWorkers(config: NodeConfig, log: Logger): Promise<Workers> {
  const { workers: count, listen } = config.request as RequestSection;
  return startWorkers({
    ...{ count, listen, log, script: process.argv[1] ?? '', args: process.argv.slice(2) },
    assignment: (listen) => ({
      ...{ ...config, ...NOTHING_ELSE, bridges: [] },
      request: { ...config.request, listen },
    }),
  });
}

async function runWorker(log: Logger): Promise<void> {
  const stop = stopRequested();
  const config = parseConfig(await assignment(), 'The config of a worker');
  const node = await start(config, log, { reusePort: true });
  reportListening(node.addresses);
  await stop;
  await node.close();
  leaveParent();
}

/** What is wrong with the config is said, and nothing changes. */
async function reload(node: Node, read: ReadConfig): Promise<void> {
  try {
    logReport(await node.reload(await read()), node.log);
  } catch (error) {
    node.log.error({ why: messageOf(error) }, 'the config was not put in force; all is as it was');
  }
}

function logReport({ restarted, applied, failed }: ReloadReport, log: Logger): void {
  log.info({ restarted, applied }, 'the config is in force');
  for (const { part, why } of failed) log.error({ part, why }, 'a part could not be changed');
}

/** Anew where its file has changed. */
async function importApp(module: string): Promise<App> {
  const file = resolve(module);
  let exported: { app?: unknown };
  try {
    const { mtimeMs } = await stat(file);
    exported = (await import(`${pathToFileURL(file).href}?changed=${mtimeMs}`)) as { app?: unknown };
  } catch (cause) {
    throw new SottoError('invalid_module', `${module} cannot be loaded: ${messageOf(cause)}`, { cause });
  }
  const { app } = exported;
  if (typeof app === 'object' && app !== null && 'dispatch' in app) return app as App;
  throw new SottoError('invalid_module', `${module} must export an app: export const app = createApp()…`);
}

export function logLevel(): Option {
  return new Option('--log-level <level>', 'what goes to stderr').choices(LOG_LEVELS).default('info');
}
