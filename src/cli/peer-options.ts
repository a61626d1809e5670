/** What all commands about peers take, and the node that they start with it. */

import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { files } from '#files';
import type { App } from '../app/app.ts';
import type { Logger } from '../app/message.ts';
import { decodeUtf8 } from '../bytes/text.ts';
import { groupSecretsIn } from '../envelope/group.ts';
import { codeOf, SottoError } from '../errors.ts';
import { RevokedKeys } from '../keys/revoked-keys.ts';
import { privateFile } from '../node/data-folder.ts';
import { loginName } from '../node/login.ts';
import { PeerNode } from '../peers/node.ts';
import type { FileOptions, PeerNodeOptions } from '../peers/options.ts';
import { wholeNumber } from './call.ts';
import { ownIdentities } from './keys.ts';
import { createLog } from './log.ts';
import type { OutputOptions } from './terminal.ts';

export interface PeerOptions extends OutputOptions {
  readonly identity: string;
  readonly user?: string;
  readonly group?: string;
  readonly port?: number;
  readonly udpPort?: number;
  readonly interface?: readonly string[];
  readonly peer?: readonly string[];
  readonly groupSecret?: string;
  readonly hidden?: boolean;
  readonly legacy?: boolean;
  readonly dnsSd?: boolean;
  readonly pins: string;
  readonly revoked: string;
}

/** Beyond what the user has chosen. */
export interface PeerExtras {
  readonly files?: FileOptions;
  /** Default: warnings on stderr. */
  readonly log?: Logger;
}

/** Adds what all have in common, and the example. */
export function withPeerOptions(command: Command, example: string): Command {
  return command
    .option('--identity <file>', 'who you are; made where it is missing', '.sotto/identity.key')
    .option('--user <name>', 'the name that others see (default: your login)')
    .option('--group <address>', 'the multicast group (default: 224.0.0.109)')
    .option(
      '--port <number>',
      'for messages to you, by TCP (default: 57001, or any that is free)',
      wholeNumber,
    )
    .option('--udp-port <number>', 'of the group (default: 57000)', wholeNumber)
    .option('--interface <name...>', 'look on these networks alone (default: all)')
    .option('--peer <host...>', 'HOST or HOST:PORT of peers that multicast does not reach')
    .option(
      '--group-secret <file>',
      'seal broadcasts with the first line of this file; each of its lines opens',
    )
    .option('--hidden', 'let nobody outside the group know that you are there; needs --group-secret')
    .option('--legacy', 'speak with the original STP programs too, which seal nothing that lasts')
    .option('--dns-sd', 'tell other tools that you are there, by DNS-SD; needs npm install multicast-dns')
    .option('--pins <file>', 'keys that you have met, trusted or blocked', '.sotto/peers.json')
    .option('--revoked <file>', 'keys that are blocked for good', '.sotto/revoked.json')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExample:\n  ${example}`);
}

/** Up, announced, and with the messages at hand that wait for others. */
export async function startPeer(app: App, options: PeerOptions, extras: PeerExtras = {}): Promise<PeerNode> {
  const { log = createLog('warn'), files: accepted } = extras;
  const { identities: identity } = await ownIdentities(options.identity);
  // Messages lie in it as they were typed.
  const outboxFile = await privateFile(join(dirname(options.pins), 'outbox.db'));
  return PeerNode.start(app, {
    ...{ identity, log, user: ownName(options), pinFile: options.pins },
    revoked: await RevokedKeys.load(options.revoked),
    outboxFile,
    ...(accepted === undefined ? {} : { files: accepted }),
    ...(await networkOptions(options)),
  });
}

/** As the options name them; what they leave out is for the node to choose. */
export async function networkOptions(
  options: Omit<PeerOptions, 'identity' | 'pins' | 'revoked'>,
): Promise<Omit<PeerNodeOptions, 'identity'>> {
  const { group, port, udpPort, interface: interfaces, peer, groupSecret, hidden, legacy, dnsSd } = options;
  return {
    ...(group === undefined ? {} : { group }),
    ...(port === undefined ? {} : { tcpPort: port }),
    ...(udpPort === undefined ? {} : { udpPort }),
    ...(interfaces === undefined ? {} : { interfaces }),
    ...(peer === undefined ? {} : { staticPeers: peer }),
    ...(groupSecret === undefined ? {} : { groupSecret: await readSecrets(groupSecret) }),
    ...(hidden === undefined ? {} : { hidden }),
    ...(legacy === undefined ? {} : { legacy }),
    ...(dnsSd === undefined ? {} : { dnsSd }),
  };
}

/** @throws SottoError `key_file_exposed` for a file that others can use, `key_file_missing`. */
async function readSecrets(file: string): Promise<readonly string[]> {
  const content = await files.readPrivate(file).catch((cause: unknown) => {
    if (codeOf(cause) !== 'key_file_missing') throw cause;
    const text = `${file} does not exist; make it with: (umask 077; openssl rand -hex 16 > ${file})`;
    throw new SottoError('key_file_missing', text, { cause });
  });
  return groupSecretsIn(decodeUtf8(content));
}

export function ownName({ user }: Pick<PeerOptions, 'user'>): string {
  return user ?? loginName();
}

/** @returns ms. */
function seconds(text: string): number {
  if (/^\d{1,6}(\.\d{1,3})?$/.test(text)) return Math.round(Number(text) * 1000);
  throw new InvalidArgumentError('It must be a number of seconds.');
}

/** @param usual seconds. */
export function waitOption(text: string, usual: number): Option {
  return new Option('--wait <seconds>', text).argParser(seconds).default(usual * 1000, String(usual));
}
