/**
 * Where broadcasters post what a subscriber wants to hear: each subscription has a url of its own.
 *
 * A message is confirmed once it is whole, proven and in its subscription's inbox. Nothing here ever answers with the word
 * that ends a subscription: who has just come back would lose what it has kept, and a wrong secret would cost it.
 *
 * Source: specs/lonelyps.md, sections 9.3 to 9.6.
 */

import type { Logger } from '../../app/message.ts';
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { StreamReader } from '../../bytes/stream-reader.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import type { HttpRequest, HttpResponse } from '../../platform/types.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import {
  decodeReprDigest,
  encodeAnswer,
  readMissed,
  readReceiveHead,
} from '../../wire/lonelyps-stateless.ts';
import type { AuthConfig } from '../authorization/authorization.ts';
import { collectMessage } from '../delivery/message.ts';
import { challengeOf } from '../intent-query.ts';
import { serveQuestionIn } from '../serve-query.ts';
import type { Mailbox } from './mailbox.ts';

/** A mailbox under its urls, as they were registered. */
export interface Registered {
  readonly mailbox: Mailbox;
  readonly url: string;
  readonly recovery: string;
  onMissed(topic: Bytes): void;
}

interface ReceiverOptions {
  readonly auth: AuthConfig;
  /** Bytes. */
  readonly maxMessage: number;
  /** Longer messages go to disk, bytes. */
  readonly spoolSize: number;
  readonly log: Logger;
}

const REFUSED = 403;
const BAD = 400;
const AWAY = 503;

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #receiving = new Map<string, Registered>();
  readonly #recovering = new Map<string, Registered>();

  /** By webhook, the connection that last asked for its messages. */
  readonly #serving = new Map<string, string>();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  add(registered: Registered): void {
    this.#receiving.set(new URL(registered.url).pathname, registered);
    this.#recovering.set(new URL(registered.recovery).pathname, registered);
  }

  remove({ url, recovery }: Registered): void {
    this.#receiving.delete(new URL(url).pathname);
    this.#recovering.delete(new URL(recovery).pathname);
    this.#serving.delete(url);
  }

  /** A connection of ours asks for the messages of a webhook. */
  askedToServe(url: string, connection: string): void {
    this.#serving.set(url, connection);
  }

  takes(path: string): boolean {
    return this.#receiving.has(path) || this.#recovering.has(path);
  }

  /** Answers one request. */
  async answer(request: HttpRequest): Promise<HttpResponse> {
    const { method, path } = request;
    const challenge = method === 'GET' ? challengeOf(request.query) : null;
    if (challenge !== null) return this.#confirmIntent(path, challenge);
    const serving = method === 'GET' ? serveQuestionIn(request.query) : null;
    if (serving) return this.#confirmServing(path, serving);
    if (method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: EMPTY };
    const recovering = this.#recovering.get(path);
    try {
      if (recovering) return await this.#recover(request, recovering);
      const receiving = this.#receiving.get(path);
      return receiving ? await this.#receive(request, receiving) : { status: 404, body: EMPTY };
    } catch (error) {
      this.#options.log.debug({ error, path }, 'a delivery was not taken');
      const isTheirs = error instanceof SottoError && error.code === 'invalid_message';
      return { status: isTheirs ? BAD : AWAY, body: EMPTY };
    }
  }

  /** Whether it was this subscriber that asked for messages there, or to be told there of what it misses. */
  #confirmIntent(path: string, challenge: string): HttpResponse {
    if (!this.#receiving.has(path) && !this.#recovering.has(path)) return { status: 404, body: EMPTY };
    return echoed(challenge);
  }

  /** Whether it was this subscriber whose connection asked for the messages of the webhook. */
  #confirmServing(
    path: string,
    asked: { readonly connection: string; readonly challenge: string },
  ): HttpResponse {
    const receiving = this.#receiving.get(path);
    const isOurs = receiving !== undefined && this.#serving.get(receiving.url) === asked.connection;
    return isOurs ? echoed(asked.challenge) : { status: REFUSED, body: EMPTY };
  }

  async #receive({ body, header }: HttpRequest, { url, mailbox }: Registered): Promise<HttpResponse> {
    const sha512 = decodeReprDigest(header('repr-digest') ?? '');
    if (sha512 === null) return { status: BAD, body: EMPTY };
    const reader = new StreamReader(body);
    const { tracing, topic, identifier, length } = await readReceiveHead(reader);
    const operation: SignedOperation = { kind: 'receive', url, topic, identifier, sha512 };
    if (!(await this.#isProven(header('authorization'), operation, tracing))) {
      return { status: REFUSED, body: EMPTY };
    }
    const { maxMessage, spoolSize, auth } = this.#options;
    if (length > maxMessage || !mailbox.inbox.hasRoom) return { status: AWAY, body: EMPTY };
    const message = await collectMessage(reader.rest(), { length: Number(length), sha512 }, spoolSize);
    const isWanted = mailbox.wants(topic);
    if (!isWanted || !(await mailbox.take({ topic, identifier, tracing, body: message }))) {
      await message.remove();
      if (isWanted) return { status: AWAY, body: EMPTY };
    }
    const subscribers = isWanted ? 1 : 0;
    const confirmed: SignedOperation = { kind: 'confirm-receive', identifier, subscribers, url };
    const authorization = await auth.toBroadcaster.authorize({ operation: confirmed, tracing: EMPTY });
    return answered({ type: 'confirm-receive', authorization, tracing: EMPTY, identifier, subscribers });
  }

  async #recover({ body, header }: HttpRequest, registered: Registered): Promise<HttpResponse> {
    const { tracing, topic } = await readMissed(new StreamReader(body));
    const { recovery } = registered;
    const operation: SignedOperation = { kind: 'missed', recovery, topic };
    if (!(await this.#isProven(header('authorization'), operation, tracing))) {
      return { status: REFUSED, body: EMPTY };
    }
    registered.onMissed(topic);
    const confirmed: SignedOperation = { kind: 'confirm-missed', topic, url: recovery };
    const authorization = await this.#options.auth.toBroadcaster.authorize({
      operation: confirmed,
      tracing: EMPTY,
    });
    return answered({ type: 'confirm-missed', authorization, tracing: EMPTY });
  }

  async #isProven(header: string | null, operation: SignedOperation, tracing: Bytes): Promise<boolean> {
    const judgement = await this.#options.auth.toSubscriber.verify(header, { operation, tracing });
    return judgement === 'ok' || typeof judgement === 'object';
  }
}

function answered(answer: Parameters<typeof encodeAnswer>[0]): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: encodeAnswer(answer) };
}

function echoed(challenge: string): HttpResponse {
  const headers = { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' };
  return { status: 200, headers, body: encodeUtf8(challenge) };
}
