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
import type { AuthConfig, Authorized } from '../authorization/authorization.ts';
import type { Rendition } from '../delivery/renditions.ts';
import { isOurs, OURS } from '../stateful/capabilities.ts';
import { ConnectionUrls } from '../stateful/connection-urls.ts';
import { type Expectation, Expected } from '../stateful/expected.ts';
import { Inbound } from '../stateful/inbound.ts';
import { type Come, Incoming } from '../stateful/incoming.ts';
import { Outgoing } from '../stateful/outgoing.ts';
import { asOnePart, partSize, partsOf } from '../stateful/parts.ts';
import { Turns } from '../stateful/turns.ts';
import type { Pattern } from '../stores/store.ts';
import type { Arrived } from './mailbox.ts';
import { type Change, type MessageCompression, operationOf } from './message-compression.ts';
import type { OutgoingMessage } from './road.ts';

export interface ConnectionOptions {
  readonly auth: AuthConfig;
  /** Until it is open, and for one answer where nothing else comes, ms. */
  readonly timeout: number;
  /** Bytes. */
  readonly maxMessage: number;
  /** Longer messages go to disk, bytes. */
  readonly spoolSize: number;
  /** Of a new connection. */
  readonly newCompression: () => MessageCompression;
  /** @returns how many took it, which the broadcaster is told. */
  readonly onMessage: (message: Arrived) => Promise<number>;
  readonly onMissed: (topic: Bytes) => void;
  /** Before a webhook's messages are asked for: by that name the broadcaster will ask the webhook. */
  readonly onServing: (url: string, connection: string) => void;
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

interface Expecting extends Expectation<Answer> {
  /** What the answer must prove. */
  readonly operation: (answer: Answer) => SignedOperation;
}

type StreamStart = Extract<ToSubscriber, { type: 'receive-stream-start' }>;
type Signed = { readonly authorization: string | null; readonly tracing: Bytes };

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
  readonly #expected = new Expected<Answer, Expecting>({ most: MOST_UNANSWERED, mostBytes: MOST_BYTES });
  /** Of what was asked and not answered, sent or not. */
  readonly #asking = new Set<(why: unknown) => void>();
  readonly #incoming: Incoming<StreamStart & { readonly url: string }>;
  readonly #compression: MessageCompression;
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
    } catch (error) {
      connection.#fail(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private constructor(pipe: Pipe, options: ConnectionOptions) {
    this.#options = options;
    this.#pipe = pipe;
    this.#outgoing = new Outgoing(pipe, (why) => this.#fail(why));
    this.#incoming = new Incoming(options);
    this.#compression = options.newCompression();
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
    return this.#ask('subscribe', pattern);
  }

  unsubscribe(pattern: Pattern): Promise<void> {
    return this.#ask('unsubscribe', pattern);
  }

  /** Takes what would go to a webhook's url, while it lasts. */
  async serve(url: string): Promise<void> {
    await this.#asked((connection) => {
      this.#options.onServing(url, connection);
      return {
        operation: { kind: 'serve', url, connection },
        message: (signed) => ({ type: 'serve', url, ...signed }),
        fits: (answer) => answer.type === 'confirm-serve' && answer.url === url,
        confirmed: { kind: 'confirm-serve', url, connection },
      };
    });
  }

  /**
   * @param isWanted asked when its turn has come: false leaves it unsent, and the promise as it is.
   * @returns how many confirmed it.
   * @throws SottoError `closed` where the connection ends before: it may have been delivered then. Whatever reading the
   * body throws: that ends the connection too.
   */
  notify(message: OutgoingMessage, isWanted: () => boolean = () => true): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended.why);
      this.#notifying.take(() => {
        if (!isWanted()) return; // given up while it waited
        return this.#notify(message, resolve, reject).catch((error: unknown) => {
          reject(error);
          throw error;
        });
      });
    });
  }

  close(): void {
    this.#outgoing.flush();
    this.#pipe.end();
    this.#end(null);
  }

  async #configure(): Promise<void> {
    const { wanted } = this.#compression;
    const operation: SignedOperation = { kind: 'configure', nonce: this.#subscriberNonce, ...wanted };
    const authorization = await this.#options.auth.toBroadcaster.authorize({ operation, tracing: OURS });
    const signed = { authorization, tracing: OURS };
    this.#send({ type: 'configure', subscriberNonce: this.#subscriberNonce, ...wanted, ...signed });
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
        return this.#change(message, this.#urls.nextBroadcaster());
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

  async #ask(verb: 'subscribe' | 'unsubscribe', pattern: Pattern): Promise<void> {
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
      readonly message: (signed: Signed) => ToBroadcaster;
      readonly fits: (answer: Answer) => boolean;
      readonly confirmed: SignedOperation;
    },
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    if (this.#ended) reject(this.#ended.why);
    this.#asking.add(reject);
    this.#signing.take(async () => {
      if (!this.#urls) return;
      const { operation, message, fits, confirmed } = ask(this.#urls.nextSubscriber());
      const signed = await this.#sign({ operation, tracing: EMPTY });
      this.#expected.push({ fits, operation: () => confirmed, resolve, reject, size: 0 });
      this.#send(message(signed));
    });
    return promise.finally(() => this.#asking.delete(reject));
  }

  async #notify(
    message: OutgoingMessage,
    resolve: (subscribers: number) => void,
    reject: (why: unknown) => void,
  ): Promise<void> {
    const { body, sha512 } = message;
    const packed = this.#compression.pack(body, sha512, this.#options.spoolSize);
    const rendition = packed instanceof Promise ? await packed : packed;
    try {
      await this.#tell(message, rendition, { resolve, reject });
    } finally {
      await rendition.remove?.();
    }
  }

  async #tell(
    message: OutgoingMessage,
    { compressor, body, sha512 }: Rendition,
    { resolve, reject }: { resolve: (subscribers: number) => void; reject: (why: unknown) => void },
  ): Promise<void> {
    const { topic, identifier, tracing = EMPTY } = message;
    const operation: SignedOperation = { kind: 'notify', topic, identifier, sha512 };
    const announced = {
      identifier,
      topic,
      compressor,
      decompressedLength: BigInt(message.body.length),
      sha512,
    };
    const whole = asOnePart(body);
    const last: Omit<Expecting, 'size'> = {
      fits: (answer) => answer.type === 'confirm-notify' && sameBytes(answer.identifier, identifier),
      operation: (answer) => ({
        kind: 'confirm-notify',
        identifier,
        subscribers: subscribersIn(answer),
        topic,
        sha512: whole ? message.sha512 : sha512, // as the original has it: of a stream what was transferred
      }),
      resolve: (answer) => resolve(subscribersIn(answer)),
      reject,
    };
    if (whole) {
      return this.#sendExpecting({ operation, tracing }, { ...last, size: whole.length }, (signed) => ({
        type: 'notify',
        ...announced,
        body: whole,
        ...signed,
      }));
    }
    const compressedLength = BigInt(body.length);
    let part = 0n;
    let sent = 0;
    for await (const piece of partsOf(body, partSize(body.length))) {
      sent += piece.length;
      const answer = sent === body.length ? last : continued(identifier, part, reject);
      const number = part++;
      await this.#sendExpecting({ operation, tracing }, { ...answer, size: piece.length }, (signed) =>
        number === 0n
          ? { type: 'notify-stream-start', ...announced, compressedLength, body: piece, ...signed }
          : { type: 'notify-stream-part', identifier, part: number, body: piece, ...signed },
      );
    }
  }

  /** As soon as there is room. */
  async #sendExpecting(
    authorized: Authorized,
    expecting: Expecting,
    message: (signed: Signed) => ToBroadcaster,
  ): Promise<void> {
    await this.#expected.room();
    const signed = await this.#sign(authorized);
    if (this.#ended) throw this.#ended.why;
    this.#expected.push(expecting);
    this.#send(message(signed));
  }

  async #answered(answer: Answer): Promise<void> {
    await this.#prove(answer, this.#expected.next(answer).operation(answer));
    this.#expected.settle(answer);
  }

  async #startStream(start: StreamStart, url: string): Promise<void> {
    this.#incoming.requireNone();
    const { topic, identifier, sha512 } = start;
    await this.#prove(start, { kind: 'receive', url, topic, identifier, sha512 });
    await this.#takePart(await this.#incoming.begin({ ...start, url }));
  }

  async #continueStream(
    message: ToSubscriber & { type: 'receive-stream-part' },
    urls: ConnectionUrls,
  ): Promise<void> {
    const { topic, identifier, sha512, url: first } = this.#incoming.startOf(message);
    // The original counts every part, ours the first alone.
    const url = this.#isOurs ? first : urls.nextBroadcaster();
    await this.#prove(message, { kind: 'receive', url, topic, identifier, sha512 });
    await this.#takePart(await this.#incoming.add(message.body));
  }

  async #takePart(come: Come<StreamStart>): Promise<void> {
    const { identifier, topic, tracing } = come.start;
    if (!come.isWhole) {
      const { part } = come;
      return this.#confirm(
        (url) => ({ kind: 'continue-receive', identifier, part: part & 0xffn, url }),
        (signed) => ({ type: 'continue-receive', identifier, part, ...signed }),
      );
    }
    const body = await this.#compression.unpack(come.body, come.start, this.#options.spoolSize);
    const subscribers = await this.#options.onMessage({ topic, identifier, tracing, body });
    this.#confirm(
      (url) => ({ kind: 'confirm-receive', identifier, subscribers, url }),
      (signed) => ({ type: 'confirm-receive', identifier, subscribers, ...signed }),
    );
  }

  #confirm(operation: (url: string) => SignedOperation, message: (signed: Signed) => ToBroadcaster): void {
    this.#signing.take(() => {
      if (this.#ended || !this.#urls) return;
      const signed = this.#sign({ operation: operation(this.#urls.nextSubscriber()), tracing: EMPTY });
      if (signed instanceof Promise) return signed.then((done) => this.#send(message(done)));
      return this.#send(message(signed));
    });
  }

  async #change(change: Change, url: string): Promise<void> {
    await this.#prove(change, operationOf(change, url));
    this.#compression.change(change);
  }

  async #missed(message: ToSubscriber & { type: 'missed' }, url: string): Promise<void> {
    const { topic } = message;
    await this.#prove(message, { kind: 'missed', recovery: url, topic });
    this.#options.onMissed(topic);
  }

  #sign(authorized: Authorized): Signed | Promise<Signed> {
    const { tracing } = authorized;
    const authorization = this.#options.auth.toBroadcaster.authorize(authorized);
    const signed = (proof: string | null): Signed => ({ authorization: proof, tracing });
    return authorization instanceof Promise ? authorization.then(signed) : signed(authorization);
  }

  async #prove(
    { authorization, tracing }: { readonly authorization: string | null; readonly tracing: Bytes },
    operation: SignedOperation,
  ): Promise<void> {
    const judgement = await this.#options.auth.toSubscriber.verify(authorization, { operation, tracing });
    if (judgement === 'ok' || typeof judgement === 'object') return;
    throw new SottoError('refused', 'What came is not proven to be of that broadcaster.');
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
    this.#expected.end(cause);
    for (const reject of this.#asking) reject(cause);
    this.#incoming.abandon();
    this.#options.onEnd(cause);
  }
}

function confirms(answer: Answer, verb: 'subscribe' | 'unsubscribe', pattern: Pattern): boolean {
  if (answer.type !== `confirm-${verb}-${pattern.kind}`) return false;
  if (pattern.kind === 'exact') return 'topic' in answer && sameBytes(answer.topic, pattern.topic);
  return 'glob' in answer && answer.glob === pattern.glob;
}

function continued(identifier: Bytes, part: bigint, reject: (why: unknown) => void): Omit<Expecting, 'size'> {
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
