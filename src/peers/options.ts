/** Options of a peer node: units, defaults and ranges, checked once at the door. */

import { type Logger, SILENT } from '../app/message.ts';
import { assertNumber } from '../bytes/assert.ts';
import { SottoError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import { IdentityRing } from '../keys/identity-ring.ts';
import type { RevokedKeys } from '../keys/revoked-keys.ts';
import type { FileReceiverOptions } from './files/receiver-options.ts';

/** What becomes of files that others send. */
export type FileOptions = Pick<
  FileReceiverOptions,
  'folder' | 'onOffer' | 'onProgress' | 'onReceived' | 'onFailed' | 'maxSize'
>;

/** Only the identity has no default. */
export interface PeerNodeOptions {
  /**
   * Who this node is; keep it in a file, or every start is another peer. With an {@link IdentityRing} it is the current key
   * of the start, and peers that have pinned one before it move their pin.
   */
  readonly identity: Identity | IdentityRing;
  /** The name that others see. Default `sotto`. */
  readonly user?: string;
  /** The host's name that others see. Default this host's. */
  readonly hostname?: string;
  /** The multicast group. Default 224.0.0.109; the first STP programs had 239.192.1.107. */
  readonly group?: string;
  /** Of the group. Default 57000. */
  readonly udpPort?: number;
  /** For messages to this node alone; where it is taken, and 0, any that is free. Default 57001. */
  readonly tcpPort?: number;
  /** Names or addresses of interfaces. Default every one that is up. */
  readonly interfaces?: readonly string[];
  /** Addresses of peers that multicast does not reach: `host` or `host:port`. */
  readonly staticPeers?: readonly string[];
  /**
   * What the members of a group know, 16 bytes and more: broadcasts are sealed with it, and others' are not taken. Default
   * none: broadcasts are plain. Of several, up to 4, the first seals and all of them open, while one follows another.
   */
  readonly groupSecret?: string | readonly string[];
  /** Seals announcements too, so that strangers cannot follow this node about; needs `groupSecret`. Default false. */
  readonly hidden?: boolean;
  /**
   * Tells other tools by DNS-SD that this node is there, as `_sotto._tcp`; needs the package `multicast-dns`. Default false.
   */
  readonly dnsSd?: boolean;
  /** Speaks with the original programs too: plain, or under keys of 1024 bits that they publish. Default false. */
  readonly legacy?: boolean;
  /** Keys that are blocked from the start, and whose word for another key does not count. Default none. */
  readonly revoked?: Pick<RevokedKeys, 'list'>;
  /** Where keys are pinned. Default in memory alone. */
  readonly pinFile?: string;
  /** Where messages for peers that are away are kept: a file. Default in memory alone. */
  readonly outboxFile?: string;
  /** Where files go that are accepted, and who decides. Default none: every offer is refused. */
  readonly files?: FileOptions;
  /** A peer is gone after so long without being heard, ms. Default 240 000. */
  readonly ttl?: number;
  /** Between two announcements, ms. Default 60 000, and a quarter of `ttl` at the most. */
  readonly announceEvery?: number;
  /** Until an answer must be there, ms. Default 5000. */
  readonly timeout?: number;
  /** Default silent. */
  readonly log?: Logger;
}

/** Of the later STP programs. */
export const DEFAULTS = { group: '224.0.0.109', udpPort: 57_000, tcpPort: 57_001 } as const;

type Optional =
  | 'staticPeers'
  | 'interfaces'
  | 'groupSecret'
  | 'pinFile'
  | 'outboxFile'
  | 'files'
  | 'revoked'
  | 'identity'
  | 'hostname';

export type ResolvedPeerNodeOptions = Required<Omit<PeerNodeOptions, Optional>> & {
  readonly staticPeers: readonly string[];
  readonly interfaces: readonly string[] | undefined;
  readonly groupSecret: string | readonly string[] | undefined;
  readonly pinFile: string | undefined;
  readonly outboxFile: string | undefined;
  readonly files: FileOptions | undefined;
  readonly hostname: string;
  readonly identity: Identity;
  readonly identities: IdentityRing;
  readonly revoked: Pick<RevokedKeys, 'list'> | undefined;
};

/** @throws SottoError `invalid_option`. */
export function resolvePeerNode(options: PeerNodeOptions, systemName: string): ResolvedPeerNodeOptions {
  const { user = 'sotto', hostname = systemName, group = DEFAULTS.group } = options;
  if (!options.identity) {
    throw new SottoError('invalid_option', 'identity is missing; Identity.generate() makes one.');
  }
  const identities = IdentityRing.of(options.identity);
  const identity = identities.current;
  const { udpPort = DEFAULTS.udpPort, tcpPort = DEFAULTS.tcpPort, ttl = 240_000, timeout = 5000 } = options;
  const { announceEvery = Math.min(60_000, ttl / 4), staticPeers = [], log = SILENT } = options;
  assertNumber(udpPort, 'udpPort', 1, 0xffff);
  assertNumber(tcpPort, 'tcpPort', 0, 0xffff);
  assertNumber(ttl, 'ttl', 1000, 86_400_000);
  assertNumber(announceEvery, 'announceEvery', 100, ttl);
  assertNumber(timeout, 'timeout', 1, 2 ** 31 - 1);
  const { hidden = false, legacy = false, dnsSd = false } = options;
  const { groupSecret, interfaces, pinFile, outboxFile, files, revoked } = options;
  if (hidden && groupSecret === undefined) {
    throw new SottoError(
      'invalid_option',
      'hidden needs a groupSecret: without one nobody could find this node.',
    );
  }
  if (hidden && legacy) {
    throw new SottoError(
      'invalid_option',
      'hidden and legacy exclude each other: the originals read what all can.',
    );
  }
  if (hidden && dnsSd) {
    throw new SottoError('invalid_option', 'hidden and dnsSd exclude each other: what is published is seen.');
  }
  return {
    ...{
      identity,
      identities,
      revoked,
      user,
      hostname,
      group,
      udpPort,
      tcpPort,
      ttl,
      timeout,
      announceEvery,
      staticPeers,
    },
    ...{ hidden, legacy, dnsSd, groupSecret, interfaces, pinFile, outboxFile, files, log },
  };
}
