/** The frames that a node sends: what they say of it, and how a group seals them. */

import { type Bytes, concat } from '../bytes/bytes.ts';
import { encodeHex } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import type { GroupSeal } from '../envelope/group.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { decodeStpFrame, encodeStpFrame, type StpFrame, type StpHeader } from '../wire/stp.ts';

/** Where announcements go: a name that no original has a function for, so that it does no more than take note. */
export const ANNOUNCE_NAMESPACE = '/sotto/announce';
/** Where frames go that a group has sealed: the time in ms (8 bytes), then a whole frame, in its body. */
export const GROUP_NAMESPACE = '/sotto/group';
const VERSION = 2;
/** What the outer frame of a sealed one says of its sender: nothing. */
const NOBODY = '-';
/** A sealed frame is good for so long, either way, ms. */
export const GROUP_WINDOW = 120_000;
const TIME_SIZE = 8;

/** What came of a frame that says a group has sealed it. */
export type GroupFrame =
  | { readonly state: 'opened'; readonly frame: StpFrame }
  /** The group has sealed it, but not lately: a copy, or a clock is wrong. `ahead` of this node's clock, ms. */
  | { readonly state: 'untimely'; readonly frame: StpFrame; readonly ahead: number }
  | { readonly state: 'unopened' };

const UNOPENED: GroupFrame = { state: 'unopened' };

interface OwnFramesOptions {
  readonly publicKey: PublicKey;
  readonly user: string;
  readonly hostname: string;
  /** Random for each start of the program. */
  readonly session: string;
  readonly seal: GroupSeal | null;
  /** Hex of an RSA key, for originals; null for none. */
  readonly legacyKey: string | null;
  readonly now: () => number;
}

export class OwnFrames {
  readonly #options: OwnFramesOptions;
  #seq = 0;
  /** As others reach it; set once it listens. */
  udpPort = 0;
  tcpPort = 0;

  constructor(options: OwnFramesOptions) {
    this.#options = options;
  }

  get session(): string {
    return this.#options.session;
  }

  /** Of the last frame. */
  get seq(): number {
    return this.#seq;
  }

  /** Says who we are; each has a number of its own. */
  header(namespace: string): StpHeader {
    const { publicKey, user, hostname, session, legacyKey } = this.#options;
    this.#seq += 1;
    return {
      session,
      namespace,
      user,
      hostname,
      udpport: this.udpPort,
      tcpport: this.tcpPort,
      encrypted: false,
      ...(legacyKey === null ? {} : { publicKey: legacyKey }),
      v: VERSION,
      id: publicKey.fingerprint,
      x25519: encodeHex(publicKey.bytes),
      seq: this.#seq,
    };
  }

  plain(namespace: string, body: Bytes, more: Partial<StpHeader> = {}): Bytes {
    return encodeStpFrame({ header: { ...this.header(namespace), ...more }, body });
  }

  /** Readable by the group alone; of its sender the outside says nothing. */
  sealed(seal: GroupSeal, frame: Bytes): Bytes {
    const time = new Writer(TIME_SIZE).u64(this.#options.now()).finish();
    const header = { namespace: GROUP_NAMESPACE, user: NOBODY, encrypted: true };
    return encodeStpFrame({ header, body: seal.seal(concat(time, frame)) });
  }

  /** The frame that the group has sealed. */
  open(body: Bytes): GroupFrame {
    const opened = this.#options.seal?.open(body);
    if (!opened || opened.length < TIME_SIZE) return UNOPENED;
    const time = Number(new DataView(opened.buffer, opened.byteOffset, TIME_SIZE).getBigUint64(0));
    const ahead = time - this.#options.now();
    try {
      const frame = decodeStpFrame(opened.subarray(TIME_SIZE));
      return Math.abs(ahead) > GROUP_WINDOW
        ? { state: 'untimely', frame, ahead }
        : { state: 'opened', frame };
    } catch {
      return UNOPENED;
    }
  }
}
