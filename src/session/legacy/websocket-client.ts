import { sockets } from '#sockets';
import type { Bytes } from '../../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import { codeOf, SottoError } from '../../errors.ts';
import type { Pipe } from '../../platform/types.ts';
import { maxSickservWire, REKEY, type SickservPayload } from '../../wire/sickserv.ts';
import { ClientSession } from './client-session.ts';
import { Inbox } from './inbox.ts';
import type { RekeyOptions } from './keys.ts';
import { requireEndpoint, type SickservClientOptions, splitEndpoint } from './options.ts';

/** One connection, which is to one endpoint. */
interface Subscription {
  readonly pipe: Pipe;
  readonly inbox: Inbox;
}

/**
 * Talks with a server of sickserv over WebSockets, one for each endpoint; messages go both ways. Nothing on this wire is
 * safe: see docs/sickserv.md.
 *
 * @example
 * ```ts
 * import { SickservWebSocketClient } from 'sotto/session/sickserv';
 * const url = 'ws://127.0.0.1:1337';
 * await using client = new SickservWebSocketClient({ initKey: 'yellow-submarine', dialect: 'plain', url, legacy: true });
 * await client.subscribe('chat');
 * await client.send({ endpoint: 'chat', message: 'hello everybody' });
 * for await (const payload of client.receive('chat')) console.log(payload.message);
 * ```
 */
export class SickservWebSocketClient implements AsyncDisposable {
  readonly #session: ClientSession;
  readonly #subscriptions = new Map<string, Promise<Subscription>>();
  #isClosed = false;

  /** Connects to nothing yet. @throws SottoError `invalid_option`, `invalid_key`, `invalid_url`. */
  constructor(options: SickservClientOptions) {
    this.#session = new ClientSession(options);
  }

  /** Who the server takes this client for. */
  get sysid(): string {
    return this.#session.sysid;
  }

  /**
   * Connects to an endpoint, again where the server has ended it; does nothing where there is a connection.
   *
   * @throws SottoError `invalid_argument`, `unreachable`, `closed`.
   */
  async subscribe(endpoint: string): Promise<void> {
    if (this.#isClosed) throw new SottoError('closed', 'This client is closed.');
    requireEndpoint(endpoint);
    const known = this.#subscriptions.get(endpoint);
    if (known && !(await known).inbox.isOver) return;
    const subscribing = this.#open(endpoint, (wire, inbox) => this.#take(wire, inbox));
    this.#subscriptions.set(endpoint, subscribing);
    try {
      await subscribing;
    } catch (error) {
      if (this.#subscriptions.get(endpoint) === subscribing) this.#subscriptions.delete(endpoint);
      throw error;
    }
  }

  /**
   * Sends a payload to its `endpoint`, which is no part of what is sent; waits while the key is being changed. What is
   * answered, if anything, comes by `receive`.
   *
   * @param payload is left as it is.
   * @throws SottoError `invalid_argument`, also for an endpoint that is not subscribed to; `invalid_body`; `closed`.
   */
  async send(payload: SickservPayload | ReadonlyMap<string | number, unknown>): Promise<void> {
    const { endpoint, rest } = splitEndpoint(payload);
    const { pipe, inbox } = await this.#subscription(endpoint);
    if (inbox.isOver)
      throw new SottoError('closed', `The connection to "${endpoint}" has ended; subscribe again.`);
    await this.#session.gate.pass(async () => pipe.send([encodeUtf8(this.#session.seal(rest))]));
  }

  /**
   * What the endpoint sends, from the subscription on; ends with `unsubscribe` or `close`. Each payload goes to one reader.
   * What does not open is dropped: it was altered, or is under another key.
   *
   * @throws SottoError `invalid_argument` for an endpoint that is not subscribed to, `closed` where the server ended it.
   */
  async *receive(endpoint: string): AsyncGenerator<SickservPayload, void, void> {
    const { inbox } = await this.#subscription(endpoint);
    for (let payload = await inbox.take(); payload; payload = await inbox.take()) yield payload;
  }

  /**
   * Changes the key, by a connection of its own. What comes meanwhile is opened under whichever key it needs.
   *
   * @throws SottoError `unreachable`, `timeout`, `closed` where the server refused; `invalid_key`, `invalid_option`. Then
   * the server may have changed it all the same: ours still takes the old one, the original does not.
   */
  async rekey(options: RekeyOptions = {}): Promise<void> {
    return this.#session.rekey(options, (wire) => this.#askForKey(wire));
  }

  /** @throws SottoError `invalid_argument` for an endpoint that is not subscribed to. */
  async unsubscribe(endpoint: string): Promise<void> {
    const subscription = await this.#subscription(endpoint);
    this.#subscriptions.delete(endpoint);
    end(subscription);
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const subscriptions = [...this.#subscriptions.values()];
    this.#subscriptions.clear();
    for (const subscribing of await Promise.allSettled(subscriptions)) {
      if (subscribing.status === 'fulfilled') end(subscribing.value);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #subscription(endpoint: string): Promise<Subscription> {
    const subscribing = this.#subscriptions.get(endpoint);
    if (subscribing) return subscribing;
    const text = `There is no subscription to "${endpoint}": subscribe first.`;
    return Promise.reject(new SottoError('invalid_argument', text));
  }

  async #open(endpoint: string, onMessage: (wire: Bytes, inbox: Inbox) => void): Promise<Subscription> {
    const { options, format } = this.#session;
    const url = this.#session.urlOf(endpoint, 'ws');
    const pipe = await sockets.connectChannel(url, {
      maxMessage: maxSickservWire(format.maxPayload),
      timeout: options.timeout,
      messages: 'text',
    });
    const inbox = new Inbox(pipe);
    pipe.start({
      onData: (wire) => onMessage(wire, inbox),
      onDrain: () => {},
      onClose: (why) => {
        inbox.end(
          new SottoError('closed', `${url} has ended the connection${why === null ? '' : `: ${why}`}.`),
        );
      },
    });
    return { pipe, inbox };
  }

  /** While the key is being changed nobody knows yet under which one a message is. */
  #take(wire: Bytes, inbox: Inbox): void {
    try {
      inbox.put(this.#session.open(decodeUtf8(wire)));
    } catch (error) {
      const { closed } = this.#session.gate;
      if (closed) return void closed.then(() => this.#take(wire, inbox));
      this.#session.options.log.debug({ reason: codeOf(error) }, 'dropped');
    }
  }

  async #askForKey(wire: string): Promise<SickservPayload> {
    const { timeout } = this.#session.options;
    const subscription = await this.#open(REKEY, (answer, inbox) => {
      try {
        inbox.put(this.#session.open(decodeUtf8(answer)));
      } catch (cause) {
        inbox.end(new SottoError('decrypt_failed', 'The answer does not open.', { cause }));
      }
    });
    const late = setTimeout(() => {
      subscription.inbox.end(new SottoError('timeout', `No new key within ${timeout} ms.`));
    }, timeout);
    try {
      subscription.pipe.send([encodeUtf8(wire)]);
      const answer = await subscription.inbox.take();
      if (answer) return answer;
      throw new SottoError('closed', 'The connection ended before there was a new key.');
    } finally {
      clearTimeout(late);
      end(subscription);
    }
  }
}

function end({ pipe, inbox }: Subscription): void {
  inbox.end(null);
  pipe.end();
}
