/** The part of a node that shows it to whoever runs it: a page on this machine alone, loaded where it is on. */

import { type InboundMessage, OK, type Reply } from '../../app/message.ts';
import type { Console } from '../../console/console.ts';
import type { KeyRing } from '../../console/options.ts';
import { codeOf, SottoError } from '../../errors.ts';
import { rotateIdentity } from '../../keys/rotation.ts';
import { Chat } from '../chat.ts';
import type { NodeConfig } from '../config.ts';
import type { LogTail } from '../log-tail.ts';
import type { Node } from '../node.ts';
import type { NodeKeys } from '../node-keys.ts';
import type { ConsoleSection } from '../sections.ts';
import type { PartPlan, Started } from '../slot.ts';

export interface ConsolePartOptions {
  readonly node: Node;
  readonly keys: NodeKeys;
  readonly log: LogTail;
  /** What the page shows and changes. */
  readonly configFile: string;
  /** The folder of the page; null for the package's own. */
  readonly consolePage: string | null;
  /** Opens a sealed key file, which is then changed for a new key; null where there is none. */
  readonly passphrase: string | null;
}

export function consolePart(options: ConsolePartOptions): PartPlan<Console> {
  return {
    name: 'console',
    settings: ({ console, data }) => (console === false ? null : { ...console, data }),
    start: (config) => start(config, options),
  };
}

async function start(config: NodeConfig, options: ConsolePartOptions): Promise<Started<Console>> {
  const { node, log, configFile, consolePage } = options;
  const { listen } = config.console as ConsoleSection;
  const { Console } = await import('../../console/console.ts');
  const chat = new Chat(() => node.running.peers);
  const page = consolePage === null ? {} : { page: consolePage };
  const keys = keyRing(options);
  const console = await Console.start(node, { listen, configFile, chat, log, keys, ...page });
  const end = node.take((message) => taken(chat, message));
  return {
    handle: console,
    addresses: [console.address],
    async close() {
      end();
      await console.close();
    },
  };
}

/** What people say to each other is for people, and nothing for the app. */
function taken(chat: Chat, message: InboundMessage): Promise<Reply> | null {
  if (!chat.take(message)) return null;
  return Promise.resolve({ status: OK, value: undefined, representation: 'auto' });
}

function keyRing({ node, keys, passphrase }: ConsolePartOptions): KeyRing {
  return {
    list() {
      const { current, previous } = keys.identities;
      const before = previous.map(({ identity, until }) => ({ publicKey: identity.publicKey, until }));
      return [{ publicKey: current.publicKey, until: null }, ...before];
    },
    async rotate(overlap) {
      const sealed = passphrase === null ? {} : { passphrase };
      await rotateIdentity(node.config.identity, { overlap, ...sealed }).catch(sayHowElse);
      await node.reload(); // which takes the keys anew
    },
  };
}

/** A file that was sealed since, or by whoever gave the node its key. */
function sayHowElse(cause: unknown): never {
  const code = codeOf(cause);
  if (code !== 'passphrase_required' && code !== 'wrong_passphrase') throw cause;
  const text =
    'The key file is sealed under a passphrase that this node does not have; use: sotto keys rotate.';
  throw new SottoError(code, text, { cause });
}
