/** What the console is given of the node around it. */

import type { PublicKey } from '../keys/public-key.ts';
import type { Chat } from '../node/chat.ts';
import type { LogTail } from '../node/log-tail.ts';
import type { Node } from '../node/node.ts';

/** As much of a node as the console looks at. */
export type ConsoleNode = Pick<
  Node,
  | 'addresses'
  | 'identity'
  | 'publicKey'
  | 'startedAt'
  | 'config'
  | 'parts'
  | 'running'
  | 'traffic'
  | 'routes'
  | 'reload'
  | 'on'
>;

/** The node's own keys, which may be changed for new ones. */
export interface KeyRing {
  /** The current one first; `until` says till when, ms since 1970, a previous one is accepted. */
  list(): readonly { readonly publicKey: PublicKey; readonly until: number | null }[];
  /** A new key for the node; the one of now is accepted for so long, ms. */
  rotate(overlap: number): Promise<void>;
}

export interface ConsoleOptions {
  /** On this machine alone: `http://127.0.0.1:7300`; port 0 takes a free one. */
  readonly listen: string;
  /** Shown, and written when somebody changes it. */
  readonly configFile: string;
  readonly chat: Chat;
  readonly keys: KeyRing;
  /** The node's own log, which it also reads from. */
  readonly log: LogTail;
  /** The folder of the built page. Default the package's own. */
  readonly page?: string;
}
