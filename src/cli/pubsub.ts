/** `sotto broadcaster`, `sotto pub` and `sotto sub`. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { decodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import { stopRequested } from '../node/stop.ts';
import { type AuthConfig, noneAuth } from '../pubsub/authorization/authorization.ts';
import { authFromFile, writeSecretsFiles } from '../pubsub/authorization/config.ts';
import { Broadcaster } from '../pubsub/broadcaster/broadcaster.ts';
import type { BroadcasterOptions } from '../pubsub/options.ts';
import type { ReceivedMessage } from '../pubsub/subscriber/inbox.ts';
import { Subscriber } from '../pubsub/subscriber/subscriber.ts';
import { createLog, type LogLevel } from './log.ts';
import { logLevel } from './serve.ts';
import { type OutputOptions, printJson, printLine, printValue } from './terminal.ts';

interface BroadcasterCommand extends OutputOptions {
  readonly listen: string;
  readonly store: string;
  readonly auth?: string;
  readonly setup?: string;
  readonly secrets: 'hmac' | 'token';
  readonly logLevel: LogLevel;
}

interface PubOptions extends OutputOptions {
  readonly auth?: string;
}

interface SubOptions extends OutputOptions {
  readonly exact?: readonly string[];
  readonly glob?: readonly string[];
  readonly listen: string;
  readonly publicUrl?: string;
  readonly auth?: string;
  readonly name?: string;
  readonly keep?: boolean;
  readonly exec?: string;
}

export function addPubsubCommands(program: Command): void {
  program
    .command('broadcaster')
    .description('take notifications and post them to whoever has subscribed')
    .option('--listen <url>', 'http://HOST:PORT', 'http://127.0.0.1:3003')
    .option('--store <store>', 'where subscriptions are kept: sqlite:FILE', 'sqlite:subscriptions.db')
    .option('--auth <file>', 'a secrets file, or none (which other machines may reach only if you say so)')
    .option('--setup <folder>', 'write the two secrets files there, and end')
    .addOption(
      new Option('--secrets <kind>', 'which kind --setup makes').choices(['hmac', 'token']).default('hmac'),
    )
    .addOption(logLevel())
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  sotto broadcaster --setup . && sotto broadcaster --auth broadcaster-secrets.json',
    )
    .action(broadcaster);
  program
    .command('pub')
    .argument('<url>', 'the broadcaster; several with commas between')
    .argument('<topic>', 'such as orders/new')
    .argument('[message]', 'text; - reads standard input')
    .description('tell everybody who has subscribed to a topic')
    .option('--auth <file>', 'a secrets file, such as subscriber-secrets.json')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto pub http://127.0.0.1:3003 orders/new "number 7"')
    .action(pub);
  program
    .command('sub')
    .argument('<url>', 'the broadcaster; several with commas between')
    .description('hear of topics, until it is stopped')
    .option('--exact <topic...>', 'topics')
    .option('--glob <pattern...>', 'patterns, such as orders/*')
    .option('--listen <url>', 'where messages come in', 'http://127.0.0.1:0')
    .option('--public-url <url>', 'the address that the broadcaster knows it by, where that is another')
    .option('--auth <file>', 'a secrets file, such as subscriber-secrets.json')
    .option('--name <name>', 'the end of its url, which stays the same over restarts')
    .option('--keep', 'stay subscribed when stopped, to be told what was missed')
    .option(
      '--exec <command>',
      'run this for each message: the body on standard input, the topic in SOTTO_TOPIC',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', "\nExample:\n  sotto sub http://127.0.0.1:3003 --glob 'orders/*'")
    .action(sub);
}

async function broadcaster(options: BroadcasterCommand): Promise<void> {
  const { listen, store, auth, setup, secrets, json } = options;
  if (setup !== undefined) {
    const paths = await writeSecretsFiles(setup, secrets);
    return json ? printJson({ files: paths }) : printLine(paths.join('\n'));
  }
  const log = createLog(options.logLevel);
  const stop = stopRequested(); // before anybody is told that we are up
  const running = await Broadcaster.start({
    listen,
    store: store as NonNullable<Exclude<BroadcasterOptions['store'], object>>,
    log,
    ...(auth === undefined ? {} : { auth: await authOf(auth) }),
  });
  const command = `sotto sub ${running.address} --glob '*'${auth === undefined || auth === 'none' ? '' : ' --auth subscriber-secrets.json'}`;
  if (json) printJson({ addresses: [running.address], publicKey: '', call: command });
  else {
    printLine(`Broadcasting at ${running.address}, ${running.subscriptions} subscriptions.\n`);
    printLine(`Hear of everything from another terminal:\n\n  ${command}\n`);
  }
  await stop;
  log.info({}, 'closing');
  await running.close();
}

async function pub(
  url: string,
  topic: string,
  message: string | undefined,
  options: PubOptions,
): Promise<void> {
  await using notifier = await Subscriber.connect({
    broadcasters: url.split(','),
    ...(options.auth === undefined ? {} : { auth: await authOf(options.auth) }),
  });
  const body = message === '-' ? new Uint8Array(await buffer(process.stdin)) : (message ?? '');
  const { notified } = await notifier.notify(topic, body);
  if (options.json) printValue({ notified }, options);
  else printLine(notified === 1 ? '1 subscriber has it.' : `${notified} subscribers have it.`);
}

async function sub(url: string, options: SubOptions): Promise<void> {
  const { exact, glob, listen, publicUrl, auth, name, keep, exec, json } = options;
  const stop = stopRequested();
  await using subscriber = await Subscriber.connect({
    broadcasters: url.split(','),
    listen,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(auth === undefined ? {} : { auth: await authOf(auth) }),
  });
  await using subscription = await subscriber.subscribe({
    onMissed: (topic) => {
      if (json) printJson({ missed: topic && shown(topic) });
      else process.stderr.write(`missed on ${topic ? shown(topic) : 'any topic: the connection was lost'}\n`);
    },
    ...(exact === undefined ? {} : { exact }),
    ...(glob === undefined ? {} : { glob }),
    ...(name === undefined ? {} : { name }),
    ...(keep === undefined ? {} : { keep }),
  });
  process.stderr.write(`Listening at ${subscriber.address}.\n`);
  void stop.then(() => subscription.close());
  for await (const message of subscription) await take(message, exec, json ?? false);
}

async function take(message: ReceivedMessage, command: string | undefined, json: boolean): Promise<void> {
  if (command !== undefined) return execute(command, message);
  const body = await message.bytes();
  const topic = shown(message.topic);
  if (json) printJson({ topic, text: textOf(body), base64: Buffer.from(body).toString('base64') });
  else printLine(`${topic}: ${textOf(body) ?? `${body.length} bytes`}`);
}

/** One at a time, in the order in which they came. */
async function execute(command: string, message: ReceivedMessage): Promise<void> {
  const child = spawn(command, {
    shell: true,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, SOTTO_TOPIC: shown(message.topic) },
  });
  child.stdin.on('error', () => {}); // a command need not read what it is given
  const ended = once(child, 'exit');
  for await (const chunk of message.chunks())
    if (!child.stdin.write(chunk)) await Promise.race([once(child.stdin, 'drain'), ended]);
  child.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) process.stderr.write(`"${command}" ended with ${code}\n`);
}

async function authOf(file: string): Promise<AuthConfig> {
  if (file === 'none') return noneAuth();
  if (file === '') throw new SottoError('invalid_argument', '--auth takes a secrets file, or none.');
  return authFromFile(file);
}

function shown(topic: Uint8Array): string {
  return textOf(topic) ?? `0x${Buffer.from(topic).toString('hex')}`;
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return decodeUtf8(bytes);
  } catch {
    return null;
  }
}
