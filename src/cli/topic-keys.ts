/** `sotto topic-key`: the files of secrets that seal topics. Secrets are never printed; to hand one on, copy its file. */

import type { Command } from 'commander';
import type { TopicKeyring } from '../keys/topic-keyring.ts';
import { generateTopicSecret, topicKeyring, topicKeyringFromFile } from '../pubsub/sealed-topics.ts';
import { wholeNumber } from './call.ts';
import { type OutputOptions, printFields, printJson } from './terminal.ts';

interface NewOptions extends OutputOptions {
  readonly topics?: readonly string[];
  readonly force?: boolean;
}

interface RotateOptions extends OutputOptions {
  readonly keep?: number;
}

const FILE = 'where the secrets are; readable by you alone';

export function addTopicKeyCommands(program: Command): void {
  const group = program
    .command('topic-key')
    .description('secrets that seal topics, so that the broadcaster cannot read them');
  group
    .command('new')
    .argument('<file>', FILE)
    .description('make a file with a fresh secret, for publishers and subscribers')
    .option('--topics <glob...>', "which topics are sealed, such as 'orders/*' (default all)")
    .option('--force', 'replace an existing file')
    .option('--json', 'print JSON')
    .addHelpText('after', "\nExample:\n  sotto topic-key new topics.key --topics 'orders/*'")
    .action(make);
  group
    .command('rotate')
    .argument('<file>', FILE)
    .description('seal with a fresh secret, and go on opening with those before it')
    .option('--keep <number>', 'how many of those before it stay (default all)', wholeNumber)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nCopy the file to subscribers first, to publishers last.')
    .addHelpText('after', '\nExample:\n  sotto topic-key rotate topics.key --keep 1')
    .action(rotate);
  group
    .command('show')
    .argument('<file>', FILE)
    .description('show key ids and topics, and no secret')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto topic-key show topics.key')
    .action(show);
}

async function make(file: string, options: NewOptions): Promise<void> {
  const { topics, force = false } = options;
  const keyring = topicKeyring({ secrets: generateTopicSecret(), ...(topics ? { topics } : {}) });
  await keyring.save(file, { overwrite: force });
  print(file, keyring, options);
}

async function rotate(file: string, options: RotateOptions): Promise<void> {
  const keyring = await topicKeyringFromFile(file);
  const going = options.keep === undefined ? [] : keyring.keyIds.slice(options.keep);
  drop(keyring, going); // first, to make room in a full one
  keyring.rotate();
  drop(keyring, going);
  await keyring.save(file, { overwrite: true });
  print(file, keyring, options);
}

/** All of these but the one that seals. */
function drop(keyring: TopicKeyring, going: readonly string[]): void {
  const [seals] = keyring.keyIds;
  for (const keyId of going) if (keyId !== seals) keyring.drop(keyId);
}

async function show(file: string, options: OutputOptions): Promise<void> {
  print(file, await topicKeyringFromFile(file), options);
}

function print(file: string, { keyIds, topics }: TopicKeyring, options: OutputOptions): void {
  const [seals = ''] = keyIds;
  if (options.json) return printJson({ file, seals, opens: keyIds, topics });
  const fields = {
    file,
    'seals with': seals,
    'opens with': keyIds.join(' '),
    topics: topics.join(' '),
  };
  printFields(fields, options);
}
