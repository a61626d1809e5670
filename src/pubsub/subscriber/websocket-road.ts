/**
 * By a WebSocket that is opened again whenever it ends: what is subscribed to is asked for again, what was not confirmed is
 * sent again in its order, and whoever subscribes is told that something may have been missed in between.
 *
 * Source: specs/lonelyps.md, section 15.2.
 */

import type { Logger } from '../../app/message.ts';
import type { Bytes } from '../../bytes/bytes.ts';
import { codeOf, messageOf, SottoError } from '../../errors.ts';
import { type Backoff, backoffDelay } from '../../transport/backoff.ts';
import type { AuthConfig } from '../authorization/authorization.ts';
import { patienceFor } from '../delivery/deadline.ts';
import { nameOfPattern, type Pattern } from '../stores/store.ts';
import { Connection } from './connection.ts';
import type { Arrived, Mailbox } from './mailbox.ts';
import type { MessageCompression } from './message-compression.ts';
import type { OutgoingMessage, Road } from './road.ts';
import { sharedBodies } from './shared-body.ts';

export interface WebSocketRoadOptions {
  /** `http://host:3003`, in the order in which they are tried. */
  readonly broadcasters: readonly string[];
  readonly auth: AuthConfig;
  /** Until a connection is open, and until a notification or a subscription is confirmed, ms. */
  readonly timeout: number;
  /** Rounds through all broadcasters after the first, until the first connection is open. */
  readonly retries: number;
  readonly backoff: Backoff;
  readonly maxMessage: number;
  readonly spoolSize: number;
  /** Of a new connection. */
  readonly newCompression: () => MessageCompression;
  /** The webhook's url of a mailbox, whose messages come this way while the connection lasts; null for none. */
  readonly urlOf: (mailbox: Mailbox) => string | null;
  /** A connection asks for the messages of a webhook. */
  readonly onServing: (url: string, connection: string) => void;
  readonly log: Logger;
}

/** A pattern that at least one mailbox wants. */
interface Wanted {
  readonly pattern: Pattern;
  users: number;
  /** Connections that ended on it before any has confirmed it; null once one has. */
  hangUps: number | null;
  /** Of the connection that there is, or of the next: resolves once the broadcaster has confirmed it. */
  confirmation: PromiseWithResolvers<void>;
}

/** A notification that was not confirmed yet. */
interface Pending {
  readonly message: OutgoingMessage;
  readonly resolve: (subscribers: number) => void;
  readonly reject: (why: unknown) => void;
}

/** Of a connection; a promise within, so that who waits for the opening does not wait for the end. */
interface Open {
  readonly ended: Promise<unknown>;
}

/** So many times a broadcaster may hang up on a new subscription; who refuses one says nothing else. */
const MOST_HANG_UPS = 3;
/** A connection that lasted so long was a good one: the next is tried at once, ms. */
const GOOD_AFTER = 1000;

export class WebSocketRoad implements Road {
  readonly #options: WebSocketRoadOptions;
  readonly #mailboxes = new Set<Mailbox>();
  /** Those that have heard of everything so far, as far as they know. */
  readonly #live = new Set<Mailbox>();
  readonly #wanted = new Map<string, Wanted>();
  readonly #pending = new Set<Pending>();
  #connection: Connection | null = null;
  #wakeUp: () => void = () => {};
  #closed = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: WebSocketRoadOptions) {
    this.#options = options;
  }

  /** Whether a connection is open now. */
  get isOpen(): boolean {
    return this.#connection !== null;
  }

  /** Resolves once the first connection is open; there is one from then on. @throws SottoError `unreachable`. */
  async open(): Promise<void> {
    const { retries, backoff } = this.#options;
    for (let round = 0; ; round++) {
      try {
        this.#running = this.#keep(await this.#tryAll());
        return;
      } catch (error) {
        if (round >= retries) throw error;
        await this.#pause(backoffDelay(backoff, round));
      }
    }
  }

  /** As {@link open}, without waiting, and however long it takes. */
  start(): void {
    this.#running = this.#keep(null);
  }

  notify(message: OutgoingMessage): Promise<number> {
    return new Promise((resolve, reject) => {
      const settled = (): void => {
        clearTimeout(timer);
        this.#pending.delete(pending);
      };
      const pending: Pending = {
        message,
        resolve: (subscribers) => {
          settled();
          resolve(subscribers);
        },
        reject: (why) => {
          settled();
          reject(why);
        },
      };
      const patience = patienceFor(message.body.length, this.#options.timeout);
      const timer = setTimeout(() => pending.reject(unanswered('A notification')), patience);
      this.#pending.add(pending);
      if (this.#closed) pending.reject(closed());
      else this.#send(pending);
    });
  }

  async subscribe(mailbox: Mailbox): Promise<void> {
    this.#mailboxes.add(mailbox);
    const url = this.#options.urlOf(mailbox);
    if (url !== null) return this.#serve(url);
    const wanted = mailbox.patterns.map((pattern) => this.#want(pattern));
    await this.#inTime(Promise.all(wanted));
    this.#live.add(mailbox);
  }

  async unsubscribe(mailbox: Mailbox): Promise<void> {
    if (!this.#mailboxes.delete(mailbox)) return;
    this.#live.delete(mailbox);
    if (this.#options.urlOf(mailbox) !== null) return; // it ends with its webhook
    await Promise.all(mailbox.patterns.map((pattern) => this.#unwant(pattern)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakeUp();
    this.#connection?.close();
    for (const { reject } of this.#pending) reject(closed());
    await this.#running;
  }

  async #keep(first: Open | null): Promise<void> {
    const { backoff, log } = this.#options;
    let open = first;
    for (let failures = 0; !this.#closed; ) {
      if (open) {
        const since = performance.now();
        const why = await open.ended;
        this.#lost();
        log.debug({ why: messageOf(why) }, 'the connection to a broadcaster has ended');
        failures = performance.now() - since >= GOOD_AFTER ? 0 : failures + 1;
      }
      if (failures > 0) await this.#pause(backoffDelay(backoff, failures - 1));
      if (this.#closed) return;
      open = await this.#tryAll().catch((error: unknown) => {
        log.debug({ why: messageOf(error) }, 'no broadcaster can be reached');
        return null;
      });
      if (!open) failures += 1;
    }
  }

  #lost(): void {
    this.#connection = null;
    // Nobody hears anything now: who subscribes waits for the next connection.
    for (const wanted of this.#wanted.values()) {
      if (wanted.hangUps !== null) wanted.hangUps += 1;
      if (wanted.hangUps === MOST_HANG_UPS) wanted.confirmation.reject(hungUp());
      else renew(wanted);
    }
  }

  /** One broadcaster after the other. @throws SottoError of the last, where none is there. */
  async #tryAll(): Promise<Open> {
    let failure: unknown = closed();
    for (const address of this.#options.broadcasters) {
      try {
        return await this.#connect(address);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #connect(address: string): Promise<Open> {
    const { auth, timeout, maxMessage, spoolSize, newCompression } = this.#options;
    let onEnd: (why: unknown) => void = () => {};
    const ended = new Promise<unknown>((resolve) => {
      onEnd = resolve;
    });
    const connection = await Connection.open(address, {
      auth,
      timeout,
      maxMessage,
      spoolSize,
      newCompression,
      onMessage: (message) => this.#take(message),
      onMissed: (topic) => this.#missed(topic),
      onServing: this.#options.onServing,
      onEnd: (why) => onEnd(why),
    });
    if (this.#closed) connection.close();
    else this.#restore(connection);
    return { ended };
  }

  /** What there was on the connection before. */
  #restore(connection: Connection): void {
    this.#connection = connection;
    const asked = [...this.#wanted.values()].map((wanted) => this.#ask(wanted, connection));
    const gap = [...this.#live];
    for (const mailbox of this.#mailboxes) this.#serve(this.#options.urlOf(mailbox));
    for (const pending of this.#pending) this.#send(pending);
    // Only once it hears again: what is fetched on this word must not be out of date before it does.
    void Promise.all(asked).then(
      () => {
        for (const mailbox of gap) if (this.#live.has(mailbox)) mailbox.onMissed(null);
      },
      () => {}, // the next connection does it
    );
  }

  /** The next connection sends it again where this one ends before. */
  #send(pending: Pending): void {
    const { message, resolve, reject } = pending;
    const isWanted = (): boolean => this.#pending.has(pending);
    this.#connection?.notify(message, isWanted).then(resolve, (error: unknown) => {
      if (codeOf(error) !== 'closed') reject(error);
    });
  }

  #serve(url: string | null): void {
    const connection = this.#connection;
    if (url !== null && connection?.canServe) connection.serve(url).catch(() => {});
  }

  #want(pattern: Pattern): Promise<void> {
    const name = nameOfPattern(pattern);
    const known = this.#wanted.get(name);
    if (known) {
      known.users += 1;
      return this.#confirmed(known);
    }
    const wanted: Wanted = { pattern, users: 1, hangUps: 0, confirmation: Promise.withResolvers() };
    this.#wanted.set(name, wanted);
    if (this.#connection) this.#ask(wanted, this.#connection).catch(() => {});
    return this.#confirmed(wanted);
  }

  /** By a connection that is still there. */
  async #confirmed(wanted: Wanted): Promise<void> {
    for (let confirmation = null; confirmation !== wanted.confirmation; ) {
      confirmation = wanted.confirmation;
      await confirmation.promise;
    }
  }

  async #ask(wanted: Wanted, connection: Connection): Promise<void> {
    const { confirmation } = wanted;
    await connection.subscribe(wanted.pattern);
    wanted.hangUps = null;
    confirmation.resolve();
  }

  async #unwant(pattern: Pattern): Promise<void> {
    const name = nameOfPattern(pattern);
    const wanted = this.#wanted.get(name);
    if (!wanted) return;
    wanted.users -= 1;
    if (wanted.users > 0) return;
    this.#wanted.delete(name);
    // Where the connection ends first, so does the subscription.
    const connection = this.#connection;
    await this.#inTime(connection?.unsubscribe(pattern) ?? Promise.resolve()).catch(() => {});
  }

  /** How many took it. */
  async #take(message: Arrived): Promise<number> {
    const wanting = [...this.#mailboxes].filter((mailbox) => mailbox.wants(message.topic));
    if (wanting.length === 0) await message.body.remove();
    const bodies = sharedBodies(message.body, wanting.length);
    const taken = await Promise.all(
      wanting.map(async (mailbox, index) => {
        const body = bodies[index] ?? message.body;
        if (await mailbox.take({ ...message, body })) return 1;
        // What has no room here has been missed here: nobody else need be told.
        await body.remove();
        mailbox.onMissed(message.topic);
        return 0;
      }),
    );
    return taken.reduce<number>((sum, each) => sum + each, 0);
  }

  #missed(topic: Bytes): void {
    for (const mailbox of this.#mailboxes) if (mailbox.wants(topic)) mailbox.onMissed(topic);
  }

  async #inTime(work: Promise<unknown>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(unanswered('A subscription')), this.#options.timeout);
    });
    await Promise.race([work, late]).finally(() => clearTimeout(timer));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Whoever waits goes on waiting: for the next connection's word. */
function renew(wanted: Wanted): void {
  const { resolve } = wanted.confirmation;
  wanted.confirmation = Promise.withResolvers();
  resolve();
}

function unanswered(what: string): SottoError {
  const text = `${what} was not confirmed in time: no broadcaster is there, or it refuses and hangs up.`;
  return new SottoError('unreachable', text);
}

function hungUp(): SottoError {
  const text = `The broadcaster hung up on this subscription ${MOST_HANG_UPS} times: it does not take such a topic or glob.`;
  return new SottoError('unreachable', text);
}

function closed(): SottoError {
  return new SottoError('closed', 'The subscriber is closed.');
}
