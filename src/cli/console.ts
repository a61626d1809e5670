/** `sotto console`: a fresh link into the console of a node. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { files } from '#files';
import { encodeUtf8 } from '../bytes/text.ts';
import { makeLink } from '../console/server/entrance.ts';
import { messageOf, SottoError } from '../errors.ts';
import { readConfig } from '../node/config.ts';
import { type OutputOptions, printJson, printLine } from './terminal.ts';

interface ConsoleOptions extends OutputOptions {
  readonly config?: string;
  readonly open?: boolean;
}

export function addConsoleCommand(program: Command): void {
  program
    .command('console')
    .description('print a fresh link into the console of a node that runs: good once, for ten minutes')
    .option('--config <file>', "the node's; default sotto.config.json, where there is one")
    .option('--open', 'open it in a browser too')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto console --open')
    .action(printLink);
}

async function printLink({ config, open, json }: ConsoleOptions): Promise<void> {
  const { data } = await readConfig(config);
  const link = await makeLink(data);
  if (json) printJson({ link });
  else printLine(link);
  if (open) await openInBrowser(link, data);
}

/** By a private file that leads there: what stands on a command line, everybody on the machine can read. */
async function openInBrowser(link: string, data: string): Promise<void> {
  const file = resolve(join(data, 'console-open.html'));
  const content = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=${link}">\n`;
  await files.writePrivate(file, encodeUtf8(content), { overwrite: true });
  const [name, ...args] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(name, [...args, file], { stdio: 'ignore', detached: true });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    const text = `No browser could be opened (${messageOf(cause)}); open the link by hand.`;
    throw new SottoError('unsupported_platform', text, { cause });
  }
  child.unref();
}

const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};
