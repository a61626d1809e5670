/** Options of the subscriber: units, defaults and ranges, checked once at the door. */

import { type Logger, SILENT } from '../../app/message.ts';
import { assertNumber } from '../../bytes/assert.ts';
import type { Bytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { TopicKeyring } from '../../keys/topic-keyring.ts';
import { parseUrl } from '../../transport/url.ts';
import { type AuthConfig, noneAuth } from '../authorization/authorization.ts';
import type { SubscriberCompression } from './compression.ts';

/** Only `broadcasters` has no default. */
export interface SubscriberOptions {
  /** Where broadcasters are, in the order in which they are asked: `http://host:3003`. */
  readonly broadcasters: string | readonly string[];
  /** What the broadcasters have. Default none. */
  readonly auth?: AuthConfig;
  /**
   * `http`: webhooks, which need `listen`. `websocket`: one connection, kept open. `both`: webhooks, and the connection as
   * long as one is open. Default `http`.
   */
  readonly transport?: 'http' | 'websocket' | 'both';
  /**
   * Where webhooks come in: `http://HOST:PORT`; port 0 takes a free one. Needed for subscribing by `http` and `both`, unless
   * its requests come from a server of one's own (see {@link Subscriber.answer}).
   */
  readonly listen?: string;
  /** The address that broadcasters know it by, where that is another: behind a proxy, for instance. */
  readonly publicUrl?: string;
  /** Opens and seals the messages of the topics that it is for. Default none. */
  readonly keyring?: TopicKeyring;
  /**
   * Whether messages over the WebSocket are compressed. Not for secrets beside what an attacker may choose: their lengths
   * then tell of each other. Default false.
   */
  readonly compression?: boolean | SubscriberCompression;
  /** Messages of one subscription that wait to be read; more are announced as missed. Default 1000. */
  readonly maxWaiting?: number;
  /** Bytes of one message. Default 16 GiB. */
  readonly maxMessage?: number;
  /** Longer messages go to disk until they are read, bytes. Default 10 MiB. */
  readonly spoolSize?: number;
  /**
   * One call's time while nothing of it moves, and that of one notification over a WebSocket, ms. Default 90 000: longer than
   * a broadcaster waits for its slowest subscriber.
   */
  readonly timeout?: number;
  /** Rounds through all broadcasters after the first. Default 2. */
  readonly retries?: number;
  /** Default silent. */
  readonly log?: Logger;
}

/** Of one message. */
export interface NotifyOptions {
  /** Told as the body is sent, in bytes; from the start again where it is sent again. */
  readonly onProgress?: (sent: number, total: number) => void;
}

/** What is subscribed to, and who hears of misses. */
export interface SubscribeOptions {
  /** Topics; text stands for its UTF-8. */
  readonly exact?: readonly (string | Bytes)[];
  /** Globs as SQLite has them: `orders/*`. */
  readonly glob?: readonly string[];
  /**
   * Called when messages on this topic could not be delivered, null where it may be any of the topics since a connection was
   * lost: fetch what they were about from where it is kept.
   */
  readonly onMissed?: (topic: Bytes | null) => void;
  /** The end of its webhook's url, which stays the same over restarts. Default its number. */
  readonly name?: string;
  /** Its webhook stays subscribed when it is closed, so that a process that comes back is told what it missed. Default false. */
  readonly keep?: boolean;
}

export type ResolvedSubscriberOptions = Required<
  Omit<SubscriberOptions, 'broadcasters' | 'listen' | 'publicUrl' | 'keyring' | 'compression'>
> & {
  readonly broadcasters: readonly string[];
  readonly listen: string | undefined;
  readonly publicUrl: string | undefined;
  readonly keyring: TopicKeyring | undefined;
  readonly compression: SubscriberCompression | null;
};

const MEBIBYTE = 1024 * 1024;

/** @throws SottoError `invalid_option`, `invalid_url`. */
export function resolveSubscriber(options: SubscriberOptions): ResolvedSubscriberOptions {
  const { maxMessage = 16 * 1024 * MEBIBYTE, spoolSize = 10 * MEBIBYTE, maxWaiting = 1000 } = options;
  const { timeout = 90_000, retries = 2, transport = 'http', listen, publicUrl, keyring } = options;
  for (const [name, value] of Object.entries({ maxMessage, spoolSize, retries }))
    assertNumber(value, name, 0);
  assertNumber(timeout, 'timeout', 1, 2 ** 31 - 1);
  assertNumber(maxWaiting, 'maxWaiting', 1);
  if (!['http', 'websocket', 'both'].includes(transport)) {
    throw new SottoError('invalid_option', `transport is http, websocket or both, not "${transport}".`);
  }
  if (transport === 'websocket' && listen !== undefined) {
    throw new SottoError(
      'invalid_option',
      'listen is for webhooks; transport websocket has none (both has).',
    );
  }
  return {
    broadcasters: addressesOf(options.broadcasters),
    auth: options.auth ?? noneAuth(),
    compression: compressionOf(options.compression),
    log: options.log ?? SILENT,
    ...{ transport, listen, publicUrl, keyring, maxWaiting, maxMessage, spoolSize, timeout, retries },
  };
}

function compressionOf(compression: SubscriberOptions['compression'] = false): SubscriberCompression | null {
  if (typeof compression === 'boolean') return compression ? {} : null;
  const { initial, presets } = compression;
  if (initial !== undefined && !presets?.has(initial)) {
    throw new SottoError(
      'invalid_option',
      `compression.initial is ${initial}, which is not among its presets.`,
    );
  }
  return compression;
}

function addressesOf(broadcasters: string | readonly string[]): readonly string[] {
  const addresses = typeof broadcasters === 'string' ? [broadcasters] : broadcasters;
  if (addresses.length === 0) throw new SottoError('invalid_option', 'broadcasters names none.');
  for (const address of addresses) {
    const { scheme } = parseUrl(address);
    if (scheme !== 'http' && scheme !== 'https') {
      throw new SottoError('invalid_url', `${address} is no broadcaster; http://HOST:PORT is.`);
    }
  }
  return addresses;
}
