/** `sotto broadcaster`, `sotto pub` and `sotto sub`. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { utf8OrNull } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import { stopRequested } from '../node/stop.ts';
import { type AuthConfig, noneAuth } from '../pubsub/authorization/authorization.ts';
import { authFromFile, writeSecretsFiles } from '../pubsub/authorization/config.ts';
import { Broadcaster } from '../pubsub/broadcaster/broadcaster.ts';
import type { OperationsAccess } from '../pubsub/operations/health.ts';
import type { BroadcasterOptions } from '../pubsub/options.ts';
import { topicKeyringFromFile } from '../pubsub/sealed-topics.ts';
import type { ReceivedMessage } from '../pubsub/subscriber/inbox.ts';
import type { SubscriberOptions } from '../pubsub/subscriber/options.ts';
import type { Body } from '../pubsub/subscriber/outgoing-body.ts';
import { Subscriber } from '../pubsub/subscriber/subscriber.ts';
import { wholeNumber } from './call.ts';
import { createLog, type LogLevel } from './log.ts';
import { logLevel } from './serve.ts';
import {
  endProgress,
  type OutputOptions,
  printJson,
  printLine,
  printValue,
  showProgress,
} from './terminal.ts';

interface BroadcasterCommand extends OutputOptions {
  readonly listen: string;
  readonly store: string;
  readonly auth?: string;
  readonly setup?: string;
  readonly secrets: 'hmac' | 'token';
  readonly deliveryLog?: string;
  readonly operations: OperationsAccess;
  readonly public?: boolean;
  readonly allow?: readonly string[];
  readonly verifyIntent?: boolean;
  readonly drain: number;
  readonly logLevel: LogLevel;
}

/** What `pub` and `sub` have in common. */
interface RoadOptions extends OutputOptions {
  readonly auth?: string;
  readonly via?: 'http' | 'websocket' | 'both';
  readonly compress?: boolean;
  readonly key?: string;
}

interface PubOptions extends RoadOptions {
  readonly file?: string;
}

interface SubOptions extends RoadOptions {
  readonly exact?: readonly string[];
  readonly glob?: readonly string[];
  readonly listen: string;
  readonly publicUrl?: string;
  readonly name?: string;
  readonly keep?: boolean;
  readonly exec?: string;
  readonly save?: string;
}

/** Bodies longer than this are not printed, bytes. */
const LONGEST_PRINTED = 64 * 1024;
/** Shorter ones have gone before anybody could look, bytes. */
const LONG = 8 * 1024 * 1024;

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
    .option('--delivery-log <file>', 'keep a log of deliveries, which "sotto deliveries" reads')
    .addOption(
      new Option('--operations <who>', 'who may ask /metrics: this machine, all, or nobody at all anything')
        .choices(['local', 'all', 'off'])
        .default('local'),
    )
    .option('--public', 'post to no private or local address')
    .option('--allow <network...>', 'but to these all the same, such as 10.1.0.0/16')
    .option('--verify-intent', 'ask a url whether it wants to be subscribed')
    .option('--drain <ms>', 'when stopped, go on so long while /readyz says so', wholeNumber, 0)
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
    .option('--file <path>', 'send a file, of any length')
    .addOption(via(['http', 'websocket']))
    .option('--compress', 'compress what goes over a WebSocket')
    .option('--auth <file>', 'a secrets file, such as subscriber-secrets.json')
    .option('--key <file>', 'seal topics with the keys of this file (sotto topic-key new)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto pub http://127.0.0.1:3003 orders/new "number 7"')
    .action(pub);
  program
    .command('sub')
    .argument('<url>', 'the broadcaster; several with commas between')
    .description('hear of topics, until it is stopped')
    .option('--exact <topic...>', 'topics')
    .option('--glob <pattern...>', 'patterns, such as orders/*')
    .addOption(via(['http', 'websocket', 'both']))
    .option('--compress', 'compress what goes over a WebSocket')
    .option('--listen <url>', 'where webhooks come in', 'http://127.0.0.1:0')
    .option('--public-url <url>', 'the address that the broadcaster knows it by, where that is another')
    .option('--auth <file>', 'a secrets file, such as subscriber-secrets.json')
    .option('--key <file>', 'open sealed topics with the keys of this file')
    .option('--name <name>', 'the end of its url, which stays the same over restarts')
    .option('--keep', 'stay subscribed when stopped, to be told what was missed')
    .option(
      '--exec <command>',
      'run this for each message: the body on standard input, the topic in SOTTO_TOPIC',
    )
    .option('--save <folder>', 'keep each body in a file there')
    .option('--json', 'print JSON')
    .addHelpText('after', "\nExample:\n  sotto sub http://127.0.0.1:3003 --glob 'orders/*'")
    .action(sub);
}

function via(roads: readonly string[]): Option {
  return new Option('--via <road>', 'webhooks, or a WebSocket that is kept open')
    .choices(roads)
    .default('http');
}

async function broadcaster(options: BroadcasterCommand): Promise<void> {
  const { listen, store, auth, setup, secrets, deliveryLog, allow, json } = options;
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
    operations: options.operations,
    verifyIntent: options.verifyIntent ?? false,
    drainTime: options.drain,
    addresses: options.public ? 'public' : 'any',
    ...(allow === undefined ? {} : { allow }),
    ...(deliveryLog === undefined ? {} : { deliveryLog: `sqlite:${deliveryLog}` }),
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
  const { file, json } = options;
  if (file !== undefined && message !== undefined)
    throw new SottoError('invalid_argument', 'Give a message or --file, not both.');
  await using notifier = await Subscriber.connect(await roadOf(url, options));
  const body: Body = file !== undefined ? { file } : message === '-' ? process.stdin : (message ?? '');
  const onProgress = (sent: number, total: number): void => {
    if (total >= LONG) showProgress(`telling ${topic}`, sent, total);
  };
  const { notified } = await notifier.notify(topic, body, { onProgress }).finally(endProgress);
  if (json) printValue({ notified }, options);
  else printLine(notified === 1 ? '1 subscriber has it.' : `${notified} subscribers have it.`);
}

async function sub(url: string, options: SubOptions): Promise<void> {
  const { exact, glob, listen, publicUrl, via: road, name, keep, json } = options;
  const stop = stopRequested();
  await using subscriber = await Subscriber.connect({
    ...(await roadOf(url, options)),
    ...(road === 'websocket' ? {} : { listen }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
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
  process.stderr.write(`Listening${subscriber.address === null ? '' : ` at ${subscriber.address}`}.\n`);
  void stop.then(() => subscription.close());
  for await (const message of subscription) await take(message, options);
}

async function roadOf(
  url: string,
  { auth, via: transport, compress = false, key }: RoadOptions,
): Promise<SubscriberOptions> {
  return {
    broadcasters: url.split(','),
    compression: compress,
    ...(transport === undefined ? {} : { transport }),
    ...(auth === undefined ? {} : { auth: await authOf(auth) }),
    ...(key === undefined ? {} : { keyring: await topicKeyringFromFile(key) }),
  };
}

async function take(message: ReceivedMessage, { exec, save, json }: SubOptions): Promise<void> {
  if (exec !== undefined) return execute(exec, message);
  const topic = shown(message.topic);
  const { length } = message;
  if (save !== undefined) {
    const path = join(save, Buffer.from(message.identifier).toString('hex'));
    await pipeline(withProgress(message), createWriteStream(path, { flags: 'wx' }));
    return json ? printJson({ topic, length, path }) : printLine(`${topic}: ${path}`);
  }
  const body = length <= LONGEST_PRINTED ? await message.bytes() : null;
  if (json) {
    const content = body && { text: utf8OrNull(body), base64: Buffer.from(body).toString('base64') };
    printJson({ topic, length, ...content });
  } else printLine(`${topic}: ${(body && utf8OrNull(body)) ?? `${length} bytes`}`);
}

async function* withProgress(message: ReceivedMessage): AsyncGenerator<Uint8Array, void, void> {
  let done = 0;
  for await (const chunk of message.chunks()) {
    yield chunk;
    done += chunk.length;
    if (message.length >= LONG) showProgress(`taking ${shown(message.topic)}`, done, message.length);
  }
  endProgress();
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
  for await (const chunk of withProgress(message))
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
  return utf8OrNull(topic) ?? `0x${Buffer.from(topic).toString('hex')}`;
}
