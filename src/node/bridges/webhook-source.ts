/**
 * Bridges that begin where other services post: a door of its own, for POSTs that are signed as Standard Webhooks has it, or
 * that bear the secret as a token.
 *
 * Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com; RFC 6750, section 2.1 (bearer tokens).
 */

import { primitives } from '#crypto';
import { sockets } from '#sockets';
import { type InboundMessage, OK, type Reply } from '../../app/message.ts';
import { decodeBase64 } from '../../bytes/base64.ts';
import { type Bytes, concatAll, EMPTY, mapKey } from '../../bytes/bytes.ts';
import { encodeUtf8, utf8OrNull } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import type { BoundSocket, HttpRequest, HttpResponse } from '../../platform/types.ts';
import { told } from '../../transport/listen.ts';
import { RateLimiter } from '../../transport/rate-limiter.ts';
import { formatUrl, parseUrl } from '../../transport/url.ts';
import type { Bridge } from './bridge.ts';

/** Bytes of one post. */
const MAX_BODY = 1024 * 1024;
/** Between a post's timestamp and our clock, ms. */
const TOLERANCE = 300_000;
/** Posts that are remembered, so that none is carried twice. */
const MOST_IDS = 10_000;
/** Of one host, a second, before anything is verified. */
const RATE = 100;
const MIN_SECRET = 16;
const CARRIED = 204;
/** Tells a service to post again. */
const AGAIN = 503;
/** Of the other end, that may be over in a while: it was too slow, too early, or too busy. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);
const LIMITS = {
  maxConnections: 256,
  maxConnectionsPerHost: 64,
  idleTimeout: 30_000,
  headersTimeout: 10_000,
  maxMessage: 0,
};

export interface WebhookPath {
  readonly bridge: Bridge;
  readonly secret: string;
}

/** The posts of one address. */
export class WebhookSource {
  readonly #paths: ReadonlyMap<string, WebhookPath>;
  /** How posts were answered that were carried, or are on their way. */
  readonly #posts = new Map<string, Promise<number>>();
  readonly #rate = new RateLimiter(RATE, 2 * RATE);
  readonly #now: () => number;
  #socket: BoundSocket | null = null;
  address = '';

  /** @throws SottoError `invalid_url`, `invalid_key`, `address_in_use`, `listen_failed`. */
  static async start(
    listen: string,
    paths: ReadonlyMap<string, WebhookPath>,
    now: () => number = Date.now,
  ): Promise<WebhookSource> {
    const url = parseUrl(listen);
    if (url.scheme !== 'http') {
      throw new SottoError(
        'invalid_url',
        `Posts come in at http://, behind a proxy for https://; not at ${listen}.`,
      );
    }
    for (const [path, { secret }] of paths) assertSecret(secret, path);
    const source = new WebhookSource(paths, now);
    source.#socket = await told(
      url,
      sockets.listenHttpStreams({
        ...{ host: url.host, port: url.port, reusePort: false, limits: LIMITS },
        onRequest: (request) => source.#answer(request),
        channelHandler: () => null,
        onDrop: () => {},
      }),
    );
    source.address = formatUrl({ ...url, port: source.#socket.port });
    return source;
  }

  private constructor(paths: ReadonlyMap<string, WebhookPath>, now: () => number) {
    this.#paths = paths;
    this.#now = now;
  }

  async close(): Promise<void> {
    await this.#socket?.close();
  }

  async #answer(request: HttpRequest): Promise<HttpResponse> {
    const found = this.#paths.get(request.path);
    if (!found) return answer(404);
    if (request.method !== 'POST') return answer(405, { allow: 'POST' });
    if (!this.#rate.take(request.remote.host)) return answer(429, { 'retry-after': '1' });
    const body = await bodyOf(request);
    if (body === null) return answer(413);
    if (!isSigned(request, body, found.secret, this.#now()) && !isBearer(request, found.secret)) {
      return answer(401);
    }
    const status = await this.#once(keyOfPost(request), async () =>
      statusFor(await found.bridge.carry(messageOf(request, body))),
    );
    return answer(status, status === AGAIN ? { 'retry-after': '10' } : {});
  }

  /** The same post is answered as before, or with what is on its way; what was not carried may come again. */
  #once(key: string | null, carry: () => Promise<number>): Promise<number> {
    if (key === null) return carry();
    const known = this.#posts.get(key);
    if (known) return known;
    const carried = carry().then((status) => {
      if (status !== CARRIED) this.#posts.delete(key);
      return status;
    });
    this.#posts.set(key, carried);
    const [oldest] = this.#posts.keys();
    if (this.#posts.size > MOST_IDS && oldest !== undefined) this.#posts.delete(oldest);
    return carried;
  }
}

/** What the other end refuses for good is refused here, so that the service does not post it for ever. */
function statusFor({ status }: Reply): number {
  if (status === OK) return CARRIED;
  return status >= 400 && status < 500 && !PASSING.has(status) ? status : AGAIN;
}

function messageOf(request: HttpRequest, bytes: Bytes): InboundMessage {
  const { host, port } = request.remote;
  const facts = { protocol: 'local', transport: 'http', proof: 'token', remote: `${host}:${port}` } as const;
  const body = utf8OrNull(bytes);
  const isJson = /json/.test(request.header('content-type') ?? '') && body !== null;
  return {
    ...{ route: request.path, bytes, ...facts, representation: isJson ? 'j' : body === null ? 'b' : 't' },
    body: isJson ? parsed(body) : (body ?? bytes),
  };
}

/** What calls itself JSON and is none is text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isSigned(request: HttpRequest, body: Bytes, secret: string, now: number): boolean {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) =>
    request.header(`webhook-${name}`),
  );
  if (!id || !timestamp || !signatures || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp) * 1000) > TOLERANCE) return false;
  const expected = primitives.hmacSha256(keyOf(secret), concatAll([encodeUtf8(`${id}.${timestamp}.`), body]));
  return signatures.split(' ', 8).some((signature) => {
    const given = signature.startsWith('v1,') ? base64Of(signature.slice(3)) : EMPTY;
    return given.length === expected.length && primitives.equalSecrets(given, expected);
  });
}

function isBearer(request: HttpRequest, secret: string): boolean {
  const [, token = ''] = /^Bearer (\S+)$/i.exec(request.header('authorization') ?? '') ?? [];
  const [given, expected] = [token, secret].map((text) => primitives.sha256(encodeUtf8(text)));
  return given !== undefined && expected !== undefined && primitives.equalSecrets(given, expected);
}

/** The base64 after `whsec_`; of a secret without it, its text. */
function keyOf(secret: string): Bytes {
  return secret.startsWith('whsec_') ? decodeBase64(secret.slice('whsec_'.length)) : encodeUtf8(secret);
}

function base64Of(text: string): Bytes {
  try {
    return decodeBase64(text);
  } catch {
    return EMPTY;
  }
}

function assertSecret(secret: string, path: string): void {
  if (secret.length >= MIN_SECRET && keyOf(secret).length >= MIN_SECRET) return;
  throw new SottoError(
    'invalid_key',
    `The secret for ${path} is too short: it needs ${MIN_SECRET} bytes and more.`,
  );
}

/** Each path has ids of its own. */
function keyOfPost(request: HttpRequest): string | null {
  const id = request.header('webhook-id');
  return id ? `${request.path} ${mapKey(primitives.sha256(encodeUtf8(id)))}` : null;
}

/** Null where it is too long. */
async function bodyOf({ body }: HttpRequest): Promise<Bytes | null> {
  const parts: Bytes[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > MAX_BODY) return null;
    parts.push(part);
  }
  return concatAll(parts);
}

function answer(status: number, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { status, headers, body: EMPTY };
}
