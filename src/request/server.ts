import type { Dispatcher } from '../app/app.ts';
import { appFrom, type Handler } from '../app/app.ts';
import type { IdentityRing } from '../keys/identity-ring.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { Counters } from '../sealed/counters.ts';
import { SealedServer } from '../sealed/sealed-server.ts';
import { Admission } from '../transport/admission.ts';
import { listenAll } from '../transport/listen.ts';
import type { Arrival, Listener } from '../transport/transport.ts';
import { type RequestServerOptions, type ResolvedServerOptions, resolveServerOptions } from './options.ts';

/** How long `close` waits for what is in flight, unless told otherwise, ms. */
const CLOSE_TIMEOUT = 5000;

/**
 * Answers sealed requests that stand alone, over any number of transports at once.
 *
 * @example
 * ```ts
 * import { createApp, Identity } from 'sotto';
 * import { RequestServer } from 'sotto/request';
 * const app = createApp().on('/hello/:name', (ctx) => `Hello, ${ctx.params.name}.`);
 * const server = await RequestServer.start(app, {
 *   identity: Identity.generate(),
 *   listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0'],
 * });
 * console.log(server.addresses, server.publicKey.toString());
 * await server.close();
 * ```
 */
export class RequestServer implements AsyncDisposable {
  readonly #identities: IdentityRing;
  readonly #counters = new Counters();
  readonly #sealed: SealedServer;
  readonly #admission: Admission;
  #closed: Promise<void> | null = null;
  #listeners: readonly Listener[] = [];

  /**
   * Listens on every URL of `options.listen`, or on none.
   *
   * @param handler an app, or one function that answers every route.
   * @throws SottoError `invalid_option`, `invalid_url`, `address_in_use`, `listen_failed`.
   */
  static async start(handler: Dispatcher | Handler, options: RequestServerOptions): Promise<RequestServer> {
    const resolved = resolveServerOptions(options);
    const app = typeof handler === 'function' ? appFrom(handler) : handler;
    const server = new RequestServer(app, resolved);
    try {
      server.#listeners = await listenAll(resolved.listen, {
        limits: resolved.limits,
        reusePort: resolved.reusePort,
        ...(resolved.hub === undefined ? {} : { hub: resolved.hub }),
        onArrival: (arrival) => server.#take(arrival),
        onDrop: (reason, remote) => server.#sealed.noteDrop(reason, remote),
      });
    } catch (error) {
      await server.#sealed.close();
      throw error;
    }
    return server;
  }

  private constructor(app: Dispatcher, options: ResolvedServerOptions) {
    this.#identities = options.identities;
    this.#sealed = new SealedServer(app, options, this.#counters);
    this.#admission = new Admission(options.limits, {
      onDrop: (arrival, reason) => this.#sealed.drop(arrival, reason),
      onFailure: (arrival, error) => {
        options.log.error({ error }, 'a request could not be answered');
        this.#sealed.drop(arrival, 'failed');
      },
    });
  }

  /** The key that clients need. */
  get publicKey(): PublicKey {
    return this.#identities.current.publicKey;
  }

  /** Where it listens, with the ports it really got. */
  get addresses(): readonly string[] {
    return this.#listeners.map((listener) => listener.address);
  }

  /** How often each thing happened since the start: `received`, `answered`, and every reason for a drop. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /**
   * Takes no more requests, finishes those in flight, then closes every socket.
   *
   * @param options.timeout how long to wait for handlers, ms. Default 5000.
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.timeout ?? CLOSE_TIMEOUT);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeout: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
    await this.#admission.drained(timeout);
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    await this.#sealed.close();
  }

  #take(arrival: Arrival): Promise<void> {
    this.#counters.add('received');
    return this.#admission.admit(arrival, () => this.#sealed.answer(arrival));
  }
}
