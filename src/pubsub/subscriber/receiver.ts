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
import { type Inbox, ReceivedMessage } from './inbox.ts';

/** One subscription as the receiver sees it. */
export interface Mailbox {
  /** As it was registered. */
  readonly url: string;
  readonly recovery: string;
  readonly inbox: Inbox;
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
  readonly #receiving = new Map<string, Mailbox>();
  readonly #recovering = new Map<string, Mailbox>();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  add(mailbox: Mailbox): void {
    this.#receiving.set(new URL(mailbox.url).pathname, mailbox);
    this.#recovering.set(new URL(mailbox.recovery).pathname, mailbox);
  }

  remove(mailbox: Mailbox): void {
    this.#receiving.delete(new URL(mailbox.url).pathname);
    this.#recovering.delete(new URL(mailbox.recovery).pathname);
  }

  /** Answers one request. */
  async answer(request: HttpRequest): Promise<HttpResponse> {
    const { method, path } = request;
    if (method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: EMPTY };
    const recovering = this.#recovering.get(path);
    try {
      if (recovering) return await this.#recover(request, recovering);
      const mailbox = this.#receiving.get(path);
      return mailbox ? await this.#receive(request, mailbox) : { status: 404, body: EMPTY };
    } catch (error) {
      this.#options.log.debug({ error, path }, 'a delivery was not taken');
      const isTheirs = error instanceof SottoError && error.code === 'invalid_message';
      return { status: isTheirs ? BAD : AWAY, body: EMPTY };
    }
  }

  async #receive({ body, header }: HttpRequest, { url, inbox }: Mailbox): Promise<HttpResponse> {
    const sha512 = decodeReprDigest(header('repr-digest') ?? '');
    if (sha512 === null) return { status: BAD, body: EMPTY };
    const reader = new StreamReader(body);
    const { tracing, topic, identifier, length } = await readReceiveHead(reader);
    const operation: SignedOperation = { kind: 'receive', url, topic, identifier, sha512 };
    if (!(await this.#isProven(header('authorization'), operation, tracing))) {
      return { status: REFUSED, body: EMPTY };
    }
    const { maxMessage, spoolSize, auth } = this.#options;
    if (length > maxMessage || !inbox.hasRoom) return { status: AWAY, body: EMPTY };
    const message = await collectMessage(reader.rest(), { length: Number(length), sha512 }, spoolSize);
    if (!inbox.hasRoom) {
      await message.remove();
      return { status: AWAY, body: EMPTY };
    }
    inbox.put(new ReceivedMessage(topic, identifier, message));
    const confirmed: SignedOperation = { kind: 'confirm-receive', identifier, subscribers: 1, url };
    const authorization = await auth.toBroadcaster.authorize({ operation: confirmed, tracing: EMPTY });
    return answered({ type: 'confirm-receive', authorization, tracing: EMPTY, identifier, subscribers: 1 });
  }

  async #recover({ body, header }: HttpRequest, mailbox: Mailbox): Promise<HttpResponse> {
    const { tracing, topic } = await readMissed(new StreamReader(body));
    const { recovery } = mailbox;
    const operation: SignedOperation = { kind: 'missed', recovery, topic };
    if (!(await this.#isProven(header('authorization'), operation, tracing))) {
      return { status: REFUSED, body: EMPTY };
    }
    mailbox.onMissed(topic);
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
