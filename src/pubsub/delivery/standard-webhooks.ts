/**
 * Deliveries that any receiver of Standard Webhooks can verify: the bare message, its signature beside it, and an answer
 * that is its status.
 *
 * ```text
 * webhook-id          "msg_" and the notification's identifier in hex: the same at every try
 * webhook-timestamp   seconds since 1970, of this try
 * webhook-signature   "v1," base64(HMAC-SHA-256(secret, id "." timestamp "." body)); with several secrets one for each,
 *                     with a blank between them
 * sotto-topic         the topic, percent-encoded; not signed, and not there for a long one
 *
 * missed              {"type":"sotto.missed","topic":…,"timestamp":…}; "topicBase64" for a topic that is no text
 * 2xx received · 410 unsubscribed · anything else failed
 * ```
 *
 * What is signed are bytes. The reference libraries of some languages read every body as text: they cannot verify one that
 * is not UTF-8.
 *
 * Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com.
 */

import { primitives } from '#crypto';
import { assertNumber } from '../../bytes/assert.ts';
import { decodeBase64, encodeBase64 } from '../../bytes/base64.ts';
import { type Bytes, concat, concatAll, EMPTY } from '../../bytes/bytes.ts';
import { decodeUtf8, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import { percentEncoded } from '../percent.ts';
import { globMatches } from '../topics/glob.ts';
import type { Notification } from './fan-out.ts';
import {
  type DeliveryFormat,
  failedByStatus,
  type MissedNotice,
  type Outcome,
  type Prepared,
} from './format.ts';
import type { Answer, MessageBody } from './poster.ts';

/** `whsec_` and 24 to 64 bytes in base64; several while one takes another's place. */
export type WebhookSecrets = string | readonly string[];

/** Which URLs get messages as Standard Webhooks, and how those are signed. */
export interface StandardWebhooksOptions {
  /**
   * What is signed with. A function gives each url its own: with one for all, each receiver could pretend to another
   * that it is the broadcaster.
   */
  readonly secret: WebhookSecrets | ((url: string) => WebhookSecrets);
  /**
   * Urls that are spoken to so: globs as topics have them, such as `https://hooks.example.com/*`, or a function. A star
   * also stands for slashes, so that a host belongs before the first.
   */
  readonly urls: readonly string[] | ((url: string) => boolean);
  /** Bytes of one message; it is signed as a whole, and so held in memory. Default 1 MiB. */
  readonly maxMessage?: number;
  /** Of messages. Default `application/json`. */
  readonly contentType?: string;
  /** A clock in ms since 1970, for tests. Default `Date.now`. */
  readonly now?: () => number;
}

const PREFIX = 'whsec_';
const MIN_SECRET = 24;
const MAX_SECRET = 64;
const MEBIBYTE = 1024 * 1024;
/** A longer topic is not told beside the message, bytes. */
const MAX_TOPIC = 1024;
/** Of an identifier that only tells one announcement from another, bytes. */
const IDENTIFIER_SIZE = 16;
const UNSUBSCRIBED = 410;

export class StandardWebhooks implements DeliveryFormat {
  readonly #options: Required<StandardWebhooksOptions>;

  /** @throws SottoError `invalid_key` for what is no secret, `invalid_option`. */
  constructor(options: StandardWebhooksOptions) {
    const defaults = { maxMessage: MEBIBYTE, contentType: 'application/json', now: Date.now };
    this.#options = { ...defaults, ...options };
    assertNumber(this.#options.maxMessage, 'standardWebhooks.maxMessage', 0);
    if (typeof options.secret !== 'function') keysOf(options.secret);
  }

  /** Whether a url is spoken to so. */
  takes(url: string): boolean {
    const { urls } = this.#options;
    if (typeof urls === 'function') return urls(url);
    const bytes = encodeUtf8(url);
    return urls.some((glob) => globMatches(glob, bytes));
  }

  async prepare(url: string, { topic, body, identifier }: Notification): Promise<Prepared> {
    const { maxMessage, contentType } = this.#options;
    if (body.length > maxMessage) {
      throw new SottoError(
        'body_too_large',
        `The message has ${body.length} bytes; as a Standard Webhook it may have ${maxMessage} (standardWebhooks.maxMessage).`,
      );
    }
    const post = this.#signed(url, `msg_${encodeHex(identifier)}`, await wholeOf(body));
    const named = topic.length <= MAX_TOPIC ? { 'sotto-topic': percentEncoded(topic) } : {};
    return { ...post, headers: { ...post.headers, ...named, 'content-type': contentType } };
  }

  async judge(_url: string, answer: Answer): Promise<Outcome> {
    return judged(answer);
  }

  async prepareMissed({ url, topic }: MissedNotice): Promise<Prepared> {
    const timestamp = new Date(this.#options.now()).toISOString();
    const text = JSON.stringify({ type: 'sotto.missed', ...topicField(topic), timestamp });
    const id = `missed_${encodeHex(primitives.randomBytes(IDENTIFIER_SIZE))}`;
    const post = this.#signed(url, id, encodeUtf8(text));
    return { ...post, headers: { ...post.headers, 'content-type': 'application/json' } };
  }

  async judgeMissed(_notice: MissedNotice, answer: Answer): Promise<Outcome> {
    return judged(answer);
  }

  #signed(url: string, id: string, body: Bytes): Prepared {
    const { secret, now } = this.#options;
    const secrets = typeof secret === 'function' ? secret(url) : secret;
    const timestamp = Math.floor(now() / 1000);
    // The bytes that were signed are the ones that leave.
    return {
      headers: signWebhook(secrets, { id, timestamp, body }),
      head: body,
      body: null,
      cutAnswer: true,
    };
  }
}

/** What a signature is over. */
export interface SignedWebhook {
  /** Without a full stop. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  /** Just as it is sent. */
  readonly body: Bytes;
}

/** The three headers. @throws SottoError `invalid_key`, `invalid_option`. */
export function signWebhook(
  secrets: WebhookSecrets,
  { id, timestamp, body }: SignedWebhook,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const signed = concat(encodeUtf8(`${id}.${timestamp}.`), body);
  const signatures = keysOf(secrets).map((key) => `v1,${encodeBase64(primitives.hmacSha256(key, signed))}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
}

function keysOf(secrets: WebhookSecrets): readonly Bytes[] {
  const list = typeof secrets === 'string' ? [secrets] : secrets;
  if (list.length === 0) throw new SottoError('invalid_option', 'standardWebhooks.secret names no secret.');
  return list.map(keyOf);
}

function keyOf(secret: string): Bytes {
  try {
    const key = decodeBase64(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '');
    if (key.length >= MIN_SECRET && key.length <= MAX_SECRET) return key;
  } catch {
    // said below, without the secret
  }
  throw new SottoError(
    'invalid_key',
    `A secret of Standard Webhooks is "${PREFIX}" and ${MIN_SECRET} to ${MAX_SECRET} bytes in base64.`,
  );
}

function judged(answer: Answer): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return { state: 'received', subscribers: 1 };
  if (status === UNSUBSCRIBED) return { state: 'unsubscribed', isGone: true };
  return failedByStatus(`it answered with status ${status}`, answer);
}

async function wholeOf(body: MessageBody): Promise<Bytes> {
  const parts: Bytes[] = [];
  for await (const part of body.chunks()) parts.push(part);
  const [only = EMPTY] = parts;
  return parts.length > 1 ? concatAll(parts) : only;
}

function topicField(topic: Bytes): { topic: string } | { topicBase64: string } {
  try {
    return { topic: decodeUtf8(topic) };
  } catch {
    return { topicBase64: encodeBase64(topic) };
  }
}
