/**
 * One connected subscriber, as the broadcaster sees it: its messages are handled one after the other and answered in that
 * order, what it wants to hear comes in between. Whatever is not as it should be ends the connection.
 *
 * Source: specs/lonelyps.md, sections 5 to 7.
 */

import { primitives } from '#crypto';
import { zstd } from '#zstd';
import type { Logger } from '../../app/message.ts';
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Pipe } from '../../platform/types.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import {
  decodeToBroadcaster,
  encodeToSubscriber,
  type ToBroadcaster,
  type ToSubscriber,
} from '../../wire/lonelyps-stateful.ts';
import type { AuthConfig, Grant } from '../authorization/authorization.ts';
import type { DictionaryTrainer } from '../compression/trainer.ts';
import type { FanOut } from '../delivery/fan-out.ts';
import type { LiveDelivery, LiveSubscriber } from '../delivery/live.ts';
import { type CollectedMessage, wholeMessage } from '../delivery/message.ts';
import { handedOn } from '../operations/trace-context.ts';
import type { Watch } from '../operations/watch.ts';
import { within } from '../operations/within.ts';
import { isOurs, OURS } from '../stateful/capabilities.ts';
import { ConnectionUrls } from '../stateful/connection-urls.ts';
import { Inbound } from '../stateful/inbound.ts';
import { type Come, Incoming } from '../stateful/incoming.ts';
import { Outgoing } from '../stateful/outgoing.ts';
import { nameOfPattern, type Pattern } from '../stores/store.ts';
import { bytesOfPattern, isWithin, PATTERN_LIMITS, type PatternLimits } from '../topics/pattern-limits.ts';
import { type CompressionOptions, SessionCompression } from './compression.ts';
import { Deliveries } from './deliveries.ts';
import type { LiveSubscription, LiveSubscriptions } from './live-subscriptions.ts';

export interface SessionOptions {
  readonly auth: AuthConfig;
  readonly fanOut: FanOut;
  readonly live: LiveSubscriptions;
  /** Bytes. */
  readonly maxMessage: number;
  /** Longer messages go to disk, bytes. */
  readonly spoolSize: number;
  readonly maxSubscriptions: number;
  /** Of what it subscribes to. Default {@link PATTERN_LIMITS}. */
  readonly patterns?: PatternLimits;
  /** Whether a webhook agrees that its messages come over this connection. Never rejects. */
  readonly wantsToBeServed: (url: string, connection: string) => Promise<boolean>;
  /** What it offers; false for no compression at all. */
  readonly compression: CompressionOptions | false;
  /** Of all sessions. Default null: nothing is trained. */
  readonly trainer?: DictionaryTrainer | null;
  /** Deliveries that may wait. */
  readonly maxWaiting: number;
  /** See {@link Deliveries}, ms. */
  readonly deliveryTimeout: number;
  /** CONFIGURE must have come after this, ms. */
  readonly configureTimeout: number;
  readonly now: () => number;
  readonly log: Logger;
  readonly watch: Watch;
  readonly onEnd: (session: Session) => void;
}

/** Of a message as it is announced. */
type Announced = Extract<ToBroadcaster, { type: 'notify' | 'notify-stream-start' }>;
type StreamStart = Extract<ToBroadcaster, { type: 'notify-stream-start' }>;

/** What a session has once both ends have said their nonces. */
interface Open {
  readonly urls: ConnectionUrls;
  readonly deliveries: Deliveries;
  readonly compression: SessionCompression;
}

const NONCE_SIZE = 32;
/**
 * Answers that may be owed. What is over cannot just be left unread: among it may be the confirmations that the answers
 * wait for.
 */
const MOST_UNANSWERED = 1024;
/** What is signed has 4 bytes for it. */
const MOST_SUBSCRIBERS = 2 ** 32 - 1;

export class Session implements LiveSubscriber {
  readonly #options: SessionOptions;
  readonly #pipe: Pipe;
  readonly #outgoing: Outgoing;
  readonly #subscriptions = new Map<string, LiveSubscription>();
  #patternBytes = 0;
  readonly #serving = new Set<string>();
  readonly #incoming: Incoming<StreamStart>;
  readonly #configureTimer: ReturnType<typeof setTimeout>;
  #open: Open | null = null;
  #answers: Promise<void> = Promise.resolve();
  #unanswered = 0;
  #ended = false;

  constructor(pipe: Pipe, options: SessionOptions) {
    this.#options = options;
    this.#pipe = pipe;
    this.#outgoing = new Outgoing(pipe, (why) => this.#abort(why));
    this.#incoming = new Incoming(options);
    this.#configureTimer = setTimeout(() => pipe.destroy(), options.configureTimeout);
    new Inbound(pipe, {
      onMessage: (data) => this.#handle(data),
      onEnd: (why) => this.#end(why),
    });
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  deliver(delivery: LiveDelivery): void {
    if (this.#open) this.#open.deliveries.add(delivery);
    else delivery.settle({ state: 'failed', why: 'its connection has ended' });
  }

  /** As the delivery log has it. */
  get #name(): string {
    const { host, port } = this.#pipe.remote;
    return `ws://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  /** Deliveries that wait for their turn. */
  get waiting(): number {
    return this.#open?.deliveries.waiting ?? 0;
  }

  /** Gives up what has waited too long; to be called now and then. */
  expire(): void {
    this.#open?.deliveries.expire();
  }

  /** Answers what was asked, then ends; at once where that takes longer than `timeout`, ms. */
  async close(timeout: number): Promise<void> {
    await within(timeout, () => this.#answers).catch(() => {}); // it hangs on somebody
    this.#fail(null);
  }

  #end(why: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#configureTimer);
    const { live, log, onEnd, watch } = this.#options;
    for (const subscription of this.#subscriptions.values()) live.remove(subscription);
    for (const url of this.#serving) {
      live.leave(url, this);
      watch.onEvent('serving_ended');
    }
    this.#open?.deliveries.close();
    this.#open?.compression.close();
    this.#incoming.abandon();
    if (why !== null) log.debug({ why, remote: this.#pipe.remote.host }, 'a WebSocket has ended');
    onEnd(this);
  }

  #fail(why: unknown): void {
    this.#outgoing.flush();
    this.#pipe.end();
    this.#end(why);
  }

  /** Without a word, which it would not take. */
  #abort(why: unknown): void {
    this.#pipe.destroy();
    this.#end(why);
  }

  #handle(data: Bytes): void | Promise<void> {
    const message = decodeToBroadcaster(data);
    if (message.type === 'configure') return this.#configure(message);
    if (!this.#open) throw invalid(`${message.type} came before CONFIGURE`);
    switch (message.type) {
      case 'subscribe-exact':
        return this.#subscribe(message, { kind: 'exact', topic: message.topic }, this.#open);
      case 'subscribe-glob':
        return this.#subscribe(message, { kind: 'glob', glob: message.glob }, this.#open);
      case 'unsubscribe-exact':
        return this.#unsubscribe(message, { kind: 'exact', topic: message.topic }, this.#open);
      case 'unsubscribe-glob':
        return this.#unsubscribe(message, { kind: 'glob', glob: message.glob }, this.#open);
      case 'notify':
        return this.#notify(message);
      case 'notify-stream-start':
        return this.#startStream(message);
      case 'notify-stream-part':
        return this.#continueStream(message);
      case 'continue-receive':
        return this.#continueReceive(message, this.#open);
      case 'confirm-receive':
        return this.#confirmReceive(message, this.#open);
      case 'serve':
        return this.#serve(message, this.#open);
    }
  }

  async #configure(message: ToBroadcaster & { type: 'configure' }): Promise<void> {
    if (this.#open) throw invalid('CONFIGURE came twice');
    const { subscriberNonce: nonce, enableZstd, enableTraining, initialDictionary } = message;
    await this.#prove(message, { kind: 'configure', nonce, enableZstd, enableTraining, initialDictionary });
    const broadcasterNonce = primitives.randomBytes(NONCE_SIZE);
    const urls = new ConnectionUrls(nonce, broadcasterNonce);
    const tracing = isOurs(message.tracing) ? OURS : EMPTY;
    const operation: SignedOperation = { kind: 'confirm-configure', nonce: broadcasterNonce };
    const authorization = await this.#options.auth.toSubscriber.authorize({ operation, tracing });
    this.#send({ type: 'confirm-configure', broadcasterNonce, authorization, tracing });
    clearTimeout(this.#configureTimer);
    this.#open = this.#opened(urls, message);
  }

  #opened(urls: ConnectionUrls, wanted: ToBroadcaster & { type: 'configure' }): Open {
    const {
      auth,
      maxWaiting,
      deliveryTimeout,
      now,
      watch,
      compression: allowed,
      trainer = null,
    } = this.#options;
    const deliveries = new Deliveries({
      urls,
      outgoing: this.#outgoing,
      authorizer: auth.toSubscriber,
      encode: ({ body, renditions }) => renditions.by(compression.chooseFor(body)),
      maxWaiting,
      timeout: deliveryTimeout,
      now,
      onFailure: (why) => this.#fail(why),
      watch,
      name: this.#name,
    });
    const enableZstd = wanted.enableZstd && allowed !== false && zstd.available;
    const compression = new SessionCompression(
      allowed || {},
      { ...wanted, enableZstd },
      { now, trainer, onChange: (change) => deliveries.change(change) },
    );
    return { urls, deliveries, compression };
  }

  async #subscribe(message: ToBroadcaster, pattern: Pattern, { urls }: Open): Promise<void> {
    const url = urls.nextSubscriber();
    await this.#prove(message, subscribing(url, pattern));
    const name = nameOfPattern(pattern);
    if (this.#subscriptions.has(name)) throw invalid('it is subscribed to that already');
    this.#requireFit(pattern);
    const confirmed = await this.#sign(confirming(url, pattern));
    // The answer is on its way before the first message.
    this.#answerInOrder(
      pattern.kind === 'exact'
        ? { type: 'confirm-subscribe-exact', topic: pattern.topic, ...confirmed }
        : { type: 'confirm-subscribe-glob', glob: pattern.glob, ...confirmed },
    );
    if (this.#ended) return;
    this.#subscriptions.set(name, this.#options.live.add(pattern, this));
    this.#patternBytes += bytesOfPattern(pattern);
  }

  #requireFit(pattern: Pattern): void {
    const { patterns = PATTERN_LIMITS, maxSubscriptions } = this.#options;
    if (!isWithin(pattern, patterns)) throw invalid('its glob is longer, or costs more, than may be');
    const bytes = this.#patternBytes + bytesOfPattern(pattern);
    if (this.#subscriptions.size >= maxSubscriptions || bytes > patterns.maxPatternBytesPerUrl)
      throw invalid('it has too many subscriptions');
  }

  async #unsubscribe(message: ToBroadcaster, pattern: Pattern, { urls }: Open): Promise<void> {
    const url = urls.nextSubscriber();
    await this.#prove(message, subscribing(url, pattern));
    const name = nameOfPattern(pattern);
    const subscription = this.#subscriptions.get(name);
    if (!subscription) throw invalid('it is not subscribed to that');
    this.#subscriptions.delete(name);
    this.#patternBytes -= bytesOfPattern(pattern);
    this.#options.live.remove(subscription);
    const confirmed = await this.#sign(confirming(url, pattern));
    this.#answerInOrder(
      pattern.kind === 'exact'
        ? { type: 'confirm-unsubscribe-exact', topic: pattern.topic, ...confirmed }
        : { type: 'confirm-unsubscribe-glob', glob: pattern.glob, ...confirmed },
    );
  }

  async #serve(message: ToBroadcaster & { type: 'serve' }, { urls }: Open): Promise<void> {
    const connection = urls.nextSubscriber();
    const { url } = message;
    const grant = await this.#prove(message, { kind: 'serve', url, connection });
    if (this.#serving.size >= this.#options.maxSubscriptions) throw invalid('it serves too many');
    // Whoever has a secret could ask for any webhook's messages: the webhook itself must want it.
    if (!(await this.#options.wantsToBeServed(url, connection))) throw invalid('the webhook does not agree');
    const confirmed = await this.#sign({ kind: 'confirm-serve', url, connection });
    this.#answerInOrder({ type: 'confirm-serve', url, ...confirmed });
    if (this.#ended || this.#serving.has(url)) return;
    this.#serving.add(url);
    this.#options.live.serve(url, { subscriber: this, mayReceive: grant.maySubscribe });
    this.#options.watch.onEvent('serving_began');
  }

  async #notify(message: ToBroadcaster & { type: 'notify' }): Promise<void> {
    this.#incoming.requireNone();
    this.#requireRoom();
    await this.#proveNotification(message, message.tracing, message.authorization);
    const { sha512, body, decompressedLength } = message;
    if (Math.max(body.length, Number(decompressedLength)) > this.#options.maxMessage)
      throw invalid('it is longer than may be');
    await this.#tell(message, wholeMessage(body, { length: body.length, sha512 }));
  }

  async #startStream(message: StreamStart): Promise<void> {
    this.#incoming.requireNone();
    this.#requireRoom();
    await this.#proveNotification(message, message.tracing, message.authorization);
    await this.#takePart(await this.#incoming.begin(message));
  }

  async #continueStream(message: ToBroadcaster & { type: 'notify-stream-part' }): Promise<void> {
    const start = this.#incoming.startOf(message);
    // Signed with the tracing of part 0, by the specification.
    await this.#proveNotification(start, start.tracing, message.authorization);
    await this.#takePart(await this.#incoming.add(message.body));
  }

  async #takePart(come: Come<StreamStart>): Promise<void> {
    if (come.isWhole) return this.#tell(come.start, come.body);
    const { identifier } = come.start;
    const confirmed = await this.#sign({ kind: 'continue-notify', identifier, part: come.part });
    this.#answerInOrder({ type: 'continue-notify', identifier, part: come.part, ...confirmed });
  }

  /** Tells everybody, and goes on to the next message meanwhile. */
  async #tell(start: Announced, transferred: CollectedMessage): Promise<void> {
    const { compressor, sha512: transferredSha512, type } = start;
    const isPlain = compressor === 0n;
    const unpacked = isPlain
      ? null
      : await this.#open?.compression.unpack(transferred, start, this.#options.spoolSize);
    const { body, sha512 } = unpacked ?? { body: transferred, sha512: transferredSha512 };
    this.#open?.compression.learn(body);
    // By the original: a stream's answer is signed over what was transferred, another's over the message itself.
    const answered = type === 'notify' ? sha512 : transferredSha512;
    const { topic, identifier } = start;
    const tracing = handedOn(start.tracing);
    const told = this.#options.fanOut.notify({ topic, sha512, body, identifier, tracing });
    const answer = told
      .finally(() => body.remove())
      .then(async ({ notified }): Promise<ToSubscriber> => {
        const subscribers = Math.min(notified, MOST_SUBSCRIBERS);
        const operation = { identifier, subscribers, topic, sha512: answered } as const;
        const confirmed = await this.#sign({ kind: 'confirm-notify', ...operation });
        return { type: 'confirm-notify', identifier, subscribers: BigInt(subscribers), ...confirmed };
      });
    this.#answerInOrder(answer);
  }

  async #continueReceive(
    message: ToBroadcaster & { type: 'continue-receive' },
    { urls, deliveries }: Open,
  ): Promise<void> {
    const { identifier, part } = message;
    const url = urls.nextSubscriber();
    // Signed in one byte.
    await this.#prove(message, { kind: 'continue-receive', identifier, part: part & 0xffn, url });
    deliveries.goneOn(identifier, part);
  }

  #confirmReceive(
    message: ToBroadcaster & { type: 'confirm-receive' },
    { urls, deliveries }: Open,
  ): void | Promise<void> {
    const { identifier, subscribers, tracing } = message;
    const operation: SignedOperation = {
      kind: 'confirm-receive',
      identifier,
      subscribers,
      url: urls.nextSubscriber(),
    };
    const judgement = this.#options.auth.toBroadcaster.verify(message.authorization, { operation, tracing });
    const done = (found: Awaited<typeof judgement>): void => {
      grantOf(found);
      deliveries.received(identifier, subscribers);
    };
    return judgement instanceof Promise ? judgement.then(done) : done(judgement);
  }

  /** Sends an answer after all those before it. */
  #answerInOrder(answer: ToSubscriber | Promise<ToSubscriber>): void {
    if (this.#unanswered === 0 && !(answer instanceof Promise)) return this.#send(answer);
    this.#unanswered += 1;
    const before = this.#answers;
    this.#answers = Promise.resolve(answer)
      .then(async (message) => {
        await before;
        this.#unanswered -= 1;
        if (!this.#ended) this.#send(message);
      })
      .catch((error: unknown) => this.#fail(error));
  }

  #requireRoom(): void {
    if (this.#unanswered >= MOST_UNANSWERED) throw invalid('it asks more at one time than may be');
  }

  async #proveNotification(
    { topic, identifier, sha512 }: Announced,
    tracing: Bytes,
    authorization: string | null,
  ): Promise<void> {
    await this.#prove({ authorization, tracing }, { kind: 'notify', topic, identifier, sha512 });
  }

  async #prove(
    { authorization, tracing }: { readonly authorization: string | null; readonly tracing: Bytes },
    operation: SignedOperation,
  ): Promise<Grant> {
    return grantOf(await this.#options.auth.toBroadcaster.verify(authorization, { operation, tracing }));
  }

  async #sign(operation: SignedOperation): Promise<{ authorization: string | null; tracing: Bytes }> {
    const authorization = await this.#options.auth.toSubscriber.authorize({ operation, tracing: EMPTY });
    return { authorization, tracing: EMPTY };
  }

  #send(message: ToSubscriber): void {
    this.#outgoing.push(encodeToSubscriber(message));
  }
}

const UNRESTRICTED: Grant = { verdict: 'ok', maySubscribe: () => true };

/** @throws SottoError `refused`, whatever is wrong with it. */
function grantOf(judgement: Grant | string): Grant {
  if (typeof judgement === 'object') return judgement;
  if (judgement === 'ok') return UNRESTRICTED;
  throw new SottoError('refused', `It is ${judgement}.`);
}

function subscribing(url: string, pattern: Pattern): SignedOperation {
  return pattern.kind === 'exact'
    ? { kind: 'subscribe-exact', url, recovery: null, topic: pattern.topic }
    : { kind: 'subscribe-glob', url, recovery: null, glob: pattern.glob };
}

function confirming(url: string, pattern: Pattern): SignedOperation {
  return pattern.kind === 'exact'
    ? { kind: 'confirm-exact', url, recovery: null, topic: pattern.topic }
    : { kind: 'confirm-glob', url, recovery: null, glob: pattern.glob };
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `A WebSocket is ended: ${why}.`);
}
