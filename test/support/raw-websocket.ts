/** A subscriber by WebSocket that does only what a test tells it, right or wrong. */

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { ConnectionUrls } from '../../src/pubsub/stateful/connection-urls.ts';
import type { SignedOperation } from '../../src/wire/lonelyps-authorization.ts';
import {
  decodeToSubscriber,
  encodeToBroadcaster,
  type ToBroadcaster,
  type ToSubscriber,
} from '../../src/wire/lonelyps-stateful.ts';

type Received<Type extends ToSubscriber['type']> = Extract<ToSubscriber, { type: Type }>;
export type Notify = Extract<ToBroadcaster, { type: 'notify' }>;
type StreamStart = Extract<ToBroadcaster, { type: 'notify-stream-start' }>;
type StreamPart = Extract<ToBroadcaster, { type: 'notify-stream-part' }>;

export interface RawOptions {
  readonly auth?: AuthConfig;
  /** Whether what is delivered is confirmed as it comes. Default false. */
  readonly confirms?: boolean;
}

export function sha512(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update(bytes).digest());
}

/** A message as NOTIFY has it, not signed. */
export function notifyOf(topic: string, body: Uint8Array): Notify {
  return {
    type: 'notify',
    topic: encodeUtf8(topic),
    identifier: new Uint8Array(randomBytes(16)),
    compressor: 0n,
    decompressedLength: BigInt(body.length),
    sha512: sha512(body),
    body,
    authorization: null,
    tracing: EMPTY,
  };
}

/** A message byte by byte, with headers by their names: also one that no encoder would make. */
export function named(
  type: number,
  headers: readonly (readonly [string, Uint8Array])[],
  body: Uint8Array = EMPTY,
): Uint8Array {
  const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
  const sized = (bytes: Uint8Array): Uint8Array[] => [u16(bytes.length), bytes];
  const lines = headers.flatMap(([name, value]) => [...sized(Buffer.from(name, 'latin1')), ...sized(value)]);
  return concat(u16(0), u16(type), u16(headers.length), ...lines, body);
}

/** The same cut into parts. */
export function partsOf(notify: Notify, size: number): [StreamStart, ...StreamPart[]] {
  const { body, identifier, authorization, tracing } = notify;
  const start = { ...notify, type: 'notify-stream-start', compressedLength: BigInt(body.length) } as const;
  const parts: StreamPart[] = [];
  for (let at = size; at < body.length; at += size) {
    const part = { identifier, part: BigInt(at / size), body: body.subarray(at, at + size) };
    parts.push({ type: 'notify-stream-part', ...part, authorization, tracing });
  }
  return [{ ...start, body: body.subarray(0, size) }, ...parts];
}

export class RawWebSocket implements AsyncDisposable {
  /** Everything that came, in its order. */
  readonly received: ToSubscriber[] = [];
  /** Whole messages that were delivered to it, as text. */
  readonly messages: string[] = [];
  /** The code with which it ended, by whoever. */
  readonly ended: Promise<number>;
  readonly webSocket: WebSocket;
  readonly #auth: AuthConfig;
  readonly #wanted = new Set<() => void>();
  #confirms: boolean;
  readonly #unconfirmed: { readonly identifier: Uint8Array; readonly part: bigint | null }[] = [];
  #stream: { readonly start: Received<'receive-stream-start'>; readonly bodies: Uint8Array[] } | null = null;
  #taken = 0;
  #urls: ConnectionUrls | null = null;

  /** Connects, and says nothing yet. */
  static async connect(address: string, options: RawOptions = {}): Promise<RawWebSocket> {
    const url = `${address.replace(/^http/, 'ws')}/v1/websocket`;
    const raw = new RawWebSocket(new WebSocket(url, { perMessageDeflate: false }), options);
    await once(raw.webSocket, 'open');
    return raw;
  }

  /** Connects, and does what is right until it may subscribe. */
  static async open(address: string, options: RawOptions = {}): Promise<RawWebSocket> {
    const raw = await RawWebSocket.connect(address, options);
    await raw.configure();
    return raw;
  }

  private constructor(webSocket: WebSocket, { auth = noneAuth(), confirms = false }: RawOptions) {
    this.webSocket = webSocket;
    this.#auth = auth;
    this.#confirms = confirms;
    webSocket.on('error', () => {}); // its end says enough
    webSocket.on('message', (data: Buffer) => this.#take(decodeToSubscriber(new Uint8Array(data))));
    this.ended = once(webSocket, 'close').then(([code]) => {
      for (const wake of this.#wanted) wake();
      return Number(code);
    });
  }

  get hasEnded(): boolean {
    return this.webSocket.readyState === WebSocket.CLOSED;
  }

  /** Topics that it was told it had missed. */
  get missed(): readonly string[] {
    return this.received.flatMap((each) =>
      each.type === 'missed' ? [Buffer.from(each.topic).toString()] : [],
    );
  }

  send(message: ToBroadcaster | Uint8Array | string): void {
    const isEncoded = typeof message === 'string' || message instanceof Uint8Array;
    this.webSocket.send(isEncoded ? message : encodeToBroadcaster(message));
  }

  /** The next of that type; what comes before is passed over. */
  async next<Type extends ToSubscriber['type']>(type: Type): Promise<Received<Type>> {
    for (;;) {
      while (this.#taken < this.received.length) {
        const message = this.received[this.#taken++];
        if (message?.type === type) return message as Received<Type>;
      }
      if (this.hasEnded) throw new Error(`the connection ended before ${type} came`);
      await new Promise<void>((resolve) => this.#wanted.add(resolve));
      this.#wanted.clear();
    }
  }

  sign(operation: SignedOperation): string | null | Promise<string | null> {
    return this.#auth.toBroadcaster.authorize({ operation, tracing: EMPTY });
  }

  /** The url that its next message that has one must be signed for. */
  nextUrl(): string {
    if (!this.#urls) throw new Error('it is not configured');
    return this.#urls.nextSubscriber();
  }

  async configureMessage(): Promise<Extract<ToBroadcaster, { type: 'configure' }>> {
    const nonce = new Uint8Array(randomBytes(32));
    const asked = { enableZstd: false, enableTraining: false, initialDictionary: 0 };
    const authorization = await this.sign({ kind: 'configure', nonce, ...asked });
    return { type: 'configure', subscriberNonce: nonce, ...asked, authorization, tracing: EMPTY };
  }

  async configure(): Promise<void> {
    const message = await this.configureMessage();
    this.send(message);
    const { broadcasterNonce } = await this.next('confirm-configure');
    this.#urls = new ConnectionUrls(message.subscriberNonce, broadcasterNonce);
  }

  async subscribeMessage(topic: string): Promise<ToBroadcaster> {
    const name = encodeUtf8(topic);
    const operation = { kind: 'subscribe-exact', url: this.nextUrl(), recovery: null, topic: name } as const;
    return {
      type: 'subscribe-exact',
      topic: name,
      authorization: await this.sign(operation),
      tracing: EMPTY,
    };
  }

  async subscribe(topic: string): Promise<void> {
    this.send(await this.subscribeMessage(topic));
    await this.next('confirm-subscribe-exact');
  }

  async unsubscribe(topic: string): Promise<void> {
    this.send({ ...(await this.subscribeMessage(topic)), type: 'unsubscribe-exact' } as ToBroadcaster);
    await this.next('confirm-unsubscribe-exact');
  }

  /** As {@link notifyOf}, signed. */
  async notifyMessage(topic: string, body: Uint8Array): Promise<Notify> {
    const notify = notifyOf(topic, body);
    const { identifier, sha512: digest } = notify;
    const operation = { kind: 'notify', topic: notify.topic, identifier, sha512: digest } as const;
    return { ...notify, authorization: await this.sign(operation) };
  }

  /** How many got it. */
  async notify(topic: string, text: string): Promise<number> {
    this.send(await this.notifyMessage(topic, encodeUtf8(text)));
    return Number((await this.next('confirm-notify')).subscribers);
  }

  /** Confirms the oldest message, or part of one, that was not confirmed. */
  async confirm(): Promise<void> {
    const next = this.#unconfirmed.shift();
    if (!next) throw new Error('nothing is to be confirmed');
    const { identifier, part } = next;
    const url = this.nextUrl();
    const counted = { identifier, subscribers: 1 };
    const operation: SignedOperation =
      part === null
        ? { kind: 'confirm-receive', ...counted, url }
        : { kind: 'continue-receive', identifier, part: part & 0xffn, url };
    const signed = { authorization: await this.sign(operation), tracing: EMPTY };
    if (part === null) this.send({ type: 'confirm-receive', ...counted, ...signed });
    else this.send({ type: 'continue-receive', identifier, part, ...signed });
  }

  /** Confirms what was not confirmed so far, and whatever comes from now on. */
  async confirmAll(): Promise<void> {
    this.#confirms = true;
    while (this.#unconfirmed.length > 0) await this.confirm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.webSocket.terminate();
    await this.ended;
  }

  #take(message: ToSubscriber): void {
    this.received.push(message);
    if (message.type === 'receive-stream-start') this.#stream = { start: message, bodies: [] };
    if (message.type === 'receive-stream-start' || message.type === 'receive-stream-part') this.#add(message);
    for (const wake of this.#wanted) wake();
  }

  #add(message: Received<'receive-stream-start' | 'receive-stream-part'>): void {
    const { start, bodies } = this.#stream ?? {};
    if (!start || !bodies) throw new Error('a part came without its beginning');
    const body = concat(...bodies, message.body);
    bodies.splice(0, bodies.length, body);
    const isWhole = BigInt(body.length) === start.compressedLength;
    if (isWhole) this.messages.push(Buffer.from(body).toString());
    const part = message.type === 'receive-stream-part' ? message.part : 0n;
    this.#unconfirmed.push({ identifier: start.identifier, part: isWhole ? null : part });
    if (this.#confirms) void this.confirm();
  }
}
