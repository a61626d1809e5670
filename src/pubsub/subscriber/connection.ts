/**
 * One connection to a broadcaster, as the subscriber sees it, from CONFIGURE to its end.
 *
 * Source: specs/lonelyps.md, sections 5 to 7.
 */

import { primitives } from '#crypto';
import { sockets } from '#sockets';
import { type Bytes, EMPTY, sameBytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Pipe } from '../../platform/types.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import {
  decodeToSubscriber,
  encodeToBroadcaster,
  type ToBroadcaster,
  type ToSubscriber,
} from '../../wire/lonelyps-stateful.ts';
import type { AuthConfig } from '../authorization/authorization.ts';
import { MessageCollector } from '../delivery/message.ts';
import { Fifo } from '../fifo.ts';
import { isOurs, OURS } from '../stateful/capabilities.ts';
import { ConnectionUrls } from '../stateful/connection-urls.ts';
import { Inbound } from '../stateful/inbound.ts';
import { Outgoing } from '../stateful/outgoing.ts';
import { asOnePart, partSize, partsOf } from '../stateful/parts.ts';
import { Turns } from '../stateful/turns.ts';
import type { Pattern } from '../stores/store.ts';
import type { Arrived } from './mailbox.ts';
import type { OutgoingMessage } from './road.ts';

export interface ConnectionOptions {
  readonly auth: AuthConfig;
  /** Until it is open, and for one answer where nothing else comes, ms. */
  readonly timeout: number;
  /** Bytes. */
  readonly maxMessage: number;
  /** Longer messages go to disk, bytes. */
  readonly spoolSize: number;
  /** @returns how many took it, which the broadcaster is told. */
  readonly onMessage: (message: Arrived) => Promise<number>;
  readonly onMissed: (topic: Bytes) => void;
  /** Called once. */
  readonly onEnd: (why: unknown) => void;
}

type Answer = Exclude<
  ToSubscriber,
  {
    type:
      | 'receive-stream-start'
      | 'receive-stream-part'
      | 'missed'
      | 'confirm-configure'
      | `${string}-zstd-${string}`;
  }
>;

/** An answer that must come next. */
interface Expected {
  readonly fits: (answer: Answer) => boolean;
  /** What it must prove. */
  readonly operation: (answer: Answer) => SignedOperation;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (why: unknown) => void;
  /** Bytes that were sent and may be sent again once it has come. */
  readonly size: number;
}

type StreamStart = Extract<ToSubscriber, { type: 'receive-stream-start' }>;

/** A message whose parts are coming. */
interface Stream {
  readonly start: StreamStart;
  readonly url: string;
  readonly collector: MessageCollector;
  nextPart: bigint;
}

const NONCE_SIZE = 32;
const WEBSOCKET = '/v1/websocket';
const MAX_MESSAGE = 16 * 1024 * 1024;
/** Unanswered at one time. The original's broadcaster ends a connection with 255 messages that it has not handled. */
const MOST_UNANSWERED = 128;
const MOST_BYTES = 1024 * 1024;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #pipe: Pipe;
  readonly #outgoing: Outgoing;
  readonly #expected = new Fifo<Expected>();
  /** What bears a url is sent in the order in which urls are taken. */
  readonly #signing: Turns;
  /** Parts of notifications are never mixed. */
  readonly #notifying: Turns;
  readonly #subscriberNonce = primitives.randomBytes(NONCE_SIZE);
  readonly #opened: Promise<void>;
  #resolveOpened: () => void = () => {};
  #rejectOpened: (why: unknown) => void = () => {};
  #urls: ConnectionUrls | null = null;
  #isOurs = false;
  #stream: Stream | null = null;
  #unansweredBytes = 0;
  #onRoom: (() => void) | null = null;
  #ended: { readonly why: unknown } | null = null;

  /**
   * Connects to a broadcaster, which proves itself.
   *
   * @param address `http://host:3003`.
   * @throws SottoError `unreachable`, `timeout`, `refused`.
   */
  static async open(address: string, options: ConnectionOptions): Promise<Connection> {
    const url = `${address.replace(/^http/, 'ws').replace(/\/$/, '')}${WEBSOCKET}`;
    const pipe = await sockets.connectChannel(url, { maxMessage: MAX_MESSAGE, timeout: options.timeout });
    const connection = new Connection(pipe, options);
    const timer = setTimeout(
      () => connection.#fail(new SottoError('timeout', `${address} does not answer CONFIGURE.`)),
      options.timeout,
    );
    try {
      await connection.#configure();
      return connection;
    } finally {
      clearTimeout(timer);
    }
  }

  private constructor(pipe: Pipe, options: ConnectionOptions) {
    this.#options = options;
    this.#pipe = pipe;
    this.#outgoing = new Outgoing(pipe);
    this.#signing = new Turns((why) => this.#fail(why));
    this.#notifying = new Turns((why) => this.#fail(why));
    this.#opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    this.#opened.catch(() => {}); // told by `open`
    new Inbound(pipe, {
      onMessage: (data) => this.#handle(decodeToSubscriber(data)),
      onEnd: (why) => this.#end(why),
    });
  }

  /** Whether the broadcaster can give it what goes to a webhook. */
  get canServe(): boolean {
    return this.#isOurs;
  }

  subscribe(pattern: Pattern): Promise<void> {
    return this.#change('subscribe', pattern);
  }

  unsubscribe(pattern: Pattern): Promise<void> {
    return this.#change('unsubscribe', pattern);
  }

  /** Takes what would go to a webhook's url, while it lasts. */
  async serve(url: string): Promise<void> {
    await this.#asked((connection) => ({
      operation: { kind: 'serve', url, connection },
      message: (signed) => ({ type: 'serve', url, ...signed }),
      fits: (answer) => answer.type === 'confirm-serve' && answer.url === url,
      confirmed: { kind: 'confirm-serve', url, connection },
    }));
  }

  /**
   * @returns how many confirmed it.
   * @throws SottoError `closed` where the connection ends before: it may have been delivered then. Whatever reading the
   * body throws: that ends the connection too.
   */
  notify(message: OutgoingMessage): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended.why);
      this.#notifying.take(() =>
        this.#notify(message, resolve, reject).catch((error: unknown) => {
          reject(error);
          throw error;
        }),
      );
    });
  }

  close(): void {
    this.#outgoing.flush();
    this.#pipe.end();
    this.#end(null);
  }

  async #configure(): Promise<void> {
    const signed = {
      kind: 'configure',
      nonce: this.#subscriberNonce,
      enableZstd: false,
      enableTraining: false,
      initialDictionary: 0,
    } as const;
    const authorization = await this.#options.auth.toBroadcaster.authorize({
      operation: signed,
      tracing: OURS,
    });
    this.#send({
      type: 'configure',
      subscriberNonce: this.#subscriberNonce,
      enableZstd: false,
      enableTraining: false,
      initialDictionary: 0,
      authorization,
      tracing: OURS,
    });
    await this.#opened;
  }

  #handle(message: ToSubscriber): void | Promise<void> {
    if (message.type === 'confirm-configure') return this.#open(message);
    if (!this.#urls) throw invalid(`${message.type} came before CONFIRM_CONFIGURE`);
    switch (message.type) {
      case 'receive-stream-start':
        return this.#startStream(message, this.#urls.nextBroadcaster());
      case 'receive-stream-part':
        return this.#continueStream(message, this.#urls);
      case 'missed':
        return this.#missed(message, this.#urls.nextBroadcaster());
      case 'enable-zstd-preset':
      case 'enable-zstd-custom':
      case 'disable-zstd-custom':
        throw invalid('it has compression, which was not asked for');
      default:
        return this.#answered(message);
    }
  }

  async #open({
    broadcasterNonce,
    authorization,
    tracing,
  }: ToSubscriber & { type: 'confirm-configure' }): Promise<void> {
    if (this.#urls) throw invalid('CONFIRM_CONFIGURE came twice');
    await this.#prove({ authorization, tracing }, { kind: 'confirm-configure', nonce: broadcasterNonce });
    this.#urls = new ConnectionUrls(this.#subscriberNonce, broadcasterNonce);
    this.#isOurs = isOurs(tracing);
    this.#resolveOpened();
  }

  async #change(verb: 'subscribe' | 'unsubscribe', pattern: Pattern): Promise<void> {
    const recovery = null;
    await this.#asked((url) =>
      pattern.kind === 'exact'
        ? {
            operation: { kind: 'subscribe-exact', url, recovery, topic: pattern.topic },
            message: (signed) => ({ type: `${verb}-exact`, topic: pattern.topic, ...signed }),
            fits: (answer) => confirms(answer, verb, pattern),
            confirmed: { kind: 'confirm-exact', url, recovery, topic: pattern.topic },
          }
        : {
            operation: { kind: 'subscribe-glob', url, recovery, glob: pattern.glob },
            message: (signed) => ({ type: `${verb}-glob`, glob: pattern.glob, ...signed }),
            fits: (answer) => confirms(answer, verb, pattern),
            confirmed: { kind: 'confirm-glob', url, recovery, glob: pattern.glob },
          },
    );
  }

  /** Sends something that bears a url and is answered. */
  #asked(
    ask: (url: string) => {
      readonly operation: SignedOperation;
      readonly message: (signed: { authorization: string | null; tracing: Bytes }) => ToBroadcaster;
      readonly fits: (answer: Answer) => boolean;
      readonly confirmed: SignedOperation;
    },
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#signing.take(async () => {
        if (this.#ended || !this.#urls) return reject(this.#ended?.why);
        const { operation, message, fits, confirmed } = ask(this.#urls.nextSubscriber());
        const { authorize } = this.#proofs();
        const authorization = await authorize(operation);
        this.#expect({ fits, operation: () => confirmed, resolve, reject, size: 0 });
        this.#send(message({ authorization, tracing: EMPTY }));
      });
    });
  }

  async #notify(
    { topic, identifier, sha512, body }: OutgoingMessage,
    resolve: (subscribers: number) => void,
    reject: (why: unknown) => void,
  ): Promise<void> {
    const operation: SignedOperation = { kind: 'notify', topic, identifier, sha512 };
    const announced = { identifier, topic, compressor: 0n, decompressedLength: BigInt(body.length), sha512 };
    const tracing = EMPTY;
    const last: Omit<Expected, 'size'> = {
      fits: (answer) => answer.type === 'confirm-notify' && sameBytes(answer.identifier, identifier),
      operation: (answer) => ({
        kind: 'confirm-notify',
        identifier,
        subscribers: subscribersIn(answer),
        topic,
        sha512,
      }),
      resolve: (answer) => resolve(subscribersIn(answer)),
      reject,
    };
    const whole = asOnePart(body);
    if (whole) {
      await this.#room();
      if (this.#ended) return reject(this.#ended.why);
      const authorization = await this.#proofs().authorize(operation);
      this.#expect({ ...last, size: whole.length });
      return this.#send({ type: 'notify', ...announced, body: whole, authorization, tracing });
    }
    let part = 0n;
    let sent = 0;
    for await (const piece of partsOf(body, partSize(body.length))) {
      await this.#room();
      if (this.#ended) return reject(this.#ended.why);
      const authorization = await this.#proofs().authorize(operation);
      sent += piece.length;
      this.#expect({
        ...(sent === body.length ? last : continued(identifier, part, reject)),
        size: piece.length,
      });
      this.#send(
        part === 0n
          ? {
              type: 'notify-stream-start',
              ...announced,
              compressedLength: BigInt(body.length),
              body: piece,
              authorization,
              tracing,
            }
          : { type: 'notify-stream-part', identifier, part, body: piece, authorization, tracing },
      );
      part += 1n;
    }
  }

  async #answered(answer: Answer): Promise<void> {
    const expected = this.#expected.peek();
    if (!expected?.fits(answer)) throw invalid(`${answer.type} came unasked, or out of turn`);
    await this.#prove(answer, expected.operation(answer));
    this.#expected.shift();
    this.#unansweredBytes -= expected.size;
    expected.resolve(answer);
    this.#onRoom?.();
  }

  async #startStream(start: StreamStart, url: string): Promise<void> {
    if (this.#stream) throw invalid('a message came among the parts of another');
    const { compressedLength, compressor, sha512, body, topic, identifier } = start;
    await this.#prove(start, { kind: 'receive', url, topic, identifier, sha512 });
    if (compressor !== 0n) throw invalid('it is compressed, which was not asked for');
    if (compressedLength > this.#options.maxMessage) throw invalid('a message is longer than may be');
    const expected = { length: Number(compressedLength), sha512 };
    const collector = await MessageCollector.open(expected, this.#options.spoolSize);
    this.#stream = { start, url, collector, nextPart: 0n };
    await this.#takePart(this.#stream, body);
  }

  async #continueStream(
    message: ToSubscriber & { type: 'receive-stream-part' },
    urls: ConnectionUrls,
  ): Promise<void> {
    const stream = this.#stream;
    if (
      !stream ||
      stream.nextPart !== message.part ||
      !sameBytes(stream.start.identifier, message.identifier)
    ) {
      throw invalid('a part came out of turn');
    }
    const { topic, identifier, sha512 } = stream.start;
    // The original counts every part, ours the first alone.
    const url = this.#isOurs ? stream.url : urls.nextBroadcaster();
    await this.#prove(message, { kind: 'receive', url, topic, identifier, sha512 });
    await this.#takePart(stream, message.body);
  }

  async #takePart(stream: Stream, body: Bytes): Promise<void> {
    await stream.collector.add(body);
    const { identifier, topic } = stream.start;
    if (!stream.collector.isWhole) {
      const part = stream.nextPart++;
      return this.#confirm(
        (url) => ({ kind: 'continue-receive', identifier, part: part & 0xffn, url }),
        (signed) => ({ type: 'continue-receive', identifier, part, ...signed }),
      );
    }
    this.#stream = null;
    const subscribers = await this.#options.onMessage({ topic, identifier, body: stream.collector.finish() });
    this.#confirm(
      (url) => ({ kind: 'confirm-receive', identifier, subscribers, url }),
      (signed) => ({ type: 'confirm-receive', identifier, subscribers, ...signed }),
    );
  }

  #confirm(
    operation: (url: string) => SignedOperation,
    message: (signed: { authorization: string | null; tracing: Bytes }) => ToBroadcaster,
  ): void {
    this.#signing.take(() => {
      if (this.#ended || !this.#urls) return;
      const authorization = this.#proofs().authorize(operation(this.#urls.nextSubscriber()));
      if (authorization instanceof Promise) {
        return authorization.then((proof) => this.#send(message({ authorization: proof, tracing: EMPTY })));
      }
      return this.#send(message({ authorization, tracing: EMPTY }));
    });
  }

  async #missed(message: ToSubscriber & { type: 'missed' }, url: string): Promise<void> {
    const { topic } = message;
    await this.#prove(message, { kind: 'missed', recovery: url, topic });
    this.#options.onMissed(topic);
  }

  #proofs(): { authorize: (operation: SignedOperation) => string | null | Promise<string | null> } {
    const { toBroadcaster } = this.#options.auth;
    return { authorize: (operation) => toBroadcaster.authorize({ operation, tracing: EMPTY }) };
  }

  async #prove(
    { authorization, tracing }: { readonly authorization: string | null; readonly tracing: Bytes },
    operation: SignedOperation,
  ): Promise<void> {
    const judgement = await this.#options.auth.toSubscriber.verify(authorization, { operation, tracing });
    if (judgement === 'ok' || typeof judgement === 'object') return;
    throw new SottoError('refused', 'What came is not proven to be of that broadcaster.');
  }

  #expect(expected: Expected): void {
    this.#expected.push(expected);
    this.#unansweredBytes += expected.size;
  }

  async #room(): Promise<void> {
    const isFull = (): boolean =>
      this.#expected.size >= MOST_UNANSWERED || this.#unansweredBytes >= MOST_BYTES;
    while (isFull() && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    }
  }

  #send(message: ToBroadcaster): void {
    this.#outgoing.push(encodeToBroadcaster(message));
  }

  #fail(why: unknown): void {
    this.#pipe.end();
    this.#end(why);
  }

  #end(why: unknown): void {
    if (this.#ended) return;
    const cause = new SottoError(
      'closed',
      `The connection to the broadcaster has ended: ${why ?? 'it hung up'}.`,
      {
        cause: why,
      },
    );
    this.#ended = { why: cause };
    this.#rejectOpened(why instanceof SottoError ? why : unreachable(why));
    for (const { reject } of this.#expected.drain()) reject(cause);
    this.#stream?.collector.abandon().catch(() => {}); // a temporary file of nobody's
    this.#onRoom?.();
    this.#options.onEnd(cause);
  }
}

function confirms(answer: Answer, verb: 'subscribe' | 'unsubscribe', pattern: Pattern): boolean {
  if (answer.type !== `confirm-${verb}-${pattern.kind}`) return false;
  if (pattern.kind === 'exact') return 'topic' in answer && sameBytes(answer.topic, pattern.topic);
  return 'glob' in answer && answer.glob === pattern.glob;
}

function continued(identifier: Bytes, part: bigint, reject: (why: unknown) => void): Omit<Expected, 'size'> {
  return {
    fits: (answer) =>
      answer.type === 'continue-notify' && answer.part === part && sameBytes(answer.identifier, identifier),
    operation: () => ({ kind: 'continue-notify', identifier, part }),
    resolve: () => {},
    reject,
  };
}

function subscribersIn(answer: Answer): number {
  return answer.type === 'confirm-notify' ? Number(answer.subscribers) : 0;
}

function unreachable(cause: unknown): SottoError {
  const text = `The broadcaster hung up (${cause ?? 'without a word'}); it does so where the authorization is not right.`;
  return new SottoError('unreachable', text, { cause });
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `A broadcaster's WebSocket is ended: ${why}.`);
}
