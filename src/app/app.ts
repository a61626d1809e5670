/** The router that every job hands its messages to. Pure: no sockets, no clock but the timeouts. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { SottoError, StatusError } from '../errors.ts';
import { compose, type Layer } from './compose.ts';
import { type Context, MessageContext } from './context.ts';
import {
  errorReply,
  type InboundMessage,
  isAsyncIterable,
  type Logger,
  OK,
  type Reply,
  SILENT,
} from './message.ts';
import { DEFAULTS, type Limits, resolveLimits } from './options.ts';
import { NO_PARAMS, type ParamsOf, Router } from './router.ts';
import { validated } from './schema.ts';

/** Answers a message: the returned value is the reply's; `undefined` leaves `ctx.reply` as the handler set it. */
export type Handler<Params = Readonly<Record<string, string>>, Body = unknown, Value = unknown> = (
  ctx: Context<Params, Body>,
) => Value;

/** Runs around every message: `(ctx, next) => Promise<void>`. An async one must await or return `next()`. */
export type Middleware = Layer<Context>;

/** What all routes of an app have in common. */
export interface AppOptions {
  /** A handler's time, ms, 1 to 2^31 - 1. Default 30 000. */
  readonly timeout?: number;
  /** Bytes of body a handler is given. Default 1 MiB. */
  readonly maxBody?: number;
  /** Default silent. */
  readonly log?: Logger;
}

/** What one route has of its own. */
export interface RouteOptions<Schema extends StandardSchemaV1 | undefined = undefined> {
  /** Handle each request at most once, where the road can tell copies apart. Default false. */
  readonly once?: boolean;
  /** Checks and converts the body: zod, valibot, arktype or any other Standard Schema. */
  readonly schema?: Schema;
  /** Default: the app's. */
  readonly timeout?: number;
  /** Default: the app's. */
  readonly maxBody?: number;
}

/** What a handler is given. */
type BodyOf<Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : unknown;

/** What a caller sends: the schema has not converted it yet. */
type SentBodyOf<Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferInput<Schema> : unknown;

/** What a caller gets; of `any`, which would switch the caller's checks off, nothing is known. */
type ValueOf<Returned> = unknown extends Returned ? unknown : Awaited<Returned>;

/** One more route. One whose text is made when the program runs (`string`, `/${string}`) is unknown to the compiler. */
type Added<Route extends string, Schema, Returned> =
  Record<never, unknown> extends Record<Route, unknown>
    ? unknown
    : Record<Route, { readonly body: SentBodyOf<Schema>; readonly value: ValueOf<Returned> }>;

/**
 * `Routes` is what the compiler knows of the routes: for each its text, what a caller sends and what it gets. An app
 * with routes fits wherever an `App` is asked for.
 */
export interface App<Routes = unknown> {
  /** For types alone: never there when it runs. */
  readonly '~routes'?: Routes;
  /** Adds a middleware; it also sees messages that no route fits. */
  use(middleware: Middleware): App<Routes>;
  /**
   * Adds a route: `/echo`, `/weather/:city`, `/files/*`. The type of what is returned knows it, that of this app does
   * not: chain the calls.
   *
   * @throws SottoError `invalid_route` for a pattern that cannot be or is taken, `invalid_argument` for a handler
   * or schema that is none, `invalid_option` for a limit out of its range.
   */
  on<const Route extends string, Schema extends StandardSchemaV1 | undefined = undefined, Returned = unknown>(
    route: Route,
    handler: Handler<ParamsOf<Route>, BodyOf<Schema>, Returned>,
    options?: RouteOptions<Schema>,
  ): App<Routes & Added<Route, Schema, Returned>>;
  /** Answers one message. Never rejects: what goes wrong is a reply with a status. */
  dispatch(message: InboundMessage): Promise<Reply>;
  /** The routes as they were declared, in their order. */
  readonly routes: readonly string[];
  /** Whether the route that fits was declared `once`. */
  isOnce(route: string): boolean;
}

/** As much of an app as a server needs. */
export type Dispatcher = Pick<App, 'dispatch' | 'isOnce'>;

interface Entry extends Limits {
  readonly handler: Handler;
  readonly schema: StandardSchemaV1 | undefined;
  readonly once: boolean;
}

/**
 * A new, empty app.
 *
 * @throws SottoError `invalid_option` for a limit out of its range.
 *
 * @example
 * ```ts
 * import { createApp } from 'sotto';
 * const app = createApp()
 *   .use(async (ctx, next) => {
 *     await next();
 *     console.log(ctx.route, ctx.reply.status);
 *   })
 *   .on('/weather/:city', (ctx) => ({ city: ctx.params.city, celsius: 21 }));
 * console.log(await app.dispatch({ route: '/weather/oslo' }));
 * ```
 */
export function createApp(options: AppOptions = {}): App {
  return new RoutedApp(options);
}

/** An app that answers every route with one handler. */
export function appFrom(handler: Handler, options: AppOptions = {}): App {
  return new RoutedApp(options, handler);
}

class RoutedApp implements App {
  readonly #router = new Router<Entry>();
  readonly #defaults: Limits;
  readonly #log: Logger;
  readonly #fallback: Entry | null;
  readonly routes: string[] = [];
  #layers: readonly Middleware[] = [];
  #run: ((call: Call) => Promise<void>) | null = null;

  constructor(options: AppOptions, handler?: Handler) {
    this.#defaults = resolveLimits(options, DEFAULTS);
    this.#log = options.log ?? SILENT;
    this.#fallback = handler ? this.#entry(handler, {}) : null;
  }

  use(middleware: Middleware): this {
    if (typeof middleware !== 'function') {
      throw new SottoError('invalid_argument', 'A middleware must be a function.');
    }
    this.#layers = [...this.#layers, middleware];
    this.#run = null;
    return this;
  }

  on(route: string, handler: unknown, options: RouteOptions<StandardSchemaV1 | undefined> = {}): this {
    if (typeof handler !== 'function') {
      throw new SottoError('invalid_argument', `The handler of "${route}" must be a function.`);
    }
    if (options.schema && typeof options.schema['~standard']?.validate !== 'function') {
      throw new SottoError('invalid_argument', `The schema of "${route}" must be a Standard Schema.`);
    }
    this.#router.add(route, this.#entry(handler as Handler, options));
    this.routes.push(route);
    return this;
  }

  isOnce(route: string): boolean {
    return this.#find(route)?.entry.once ?? false;
  }

  async dispatch(message: InboundMessage): Promise<Reply> {
    try {
      const found = this.#find(message.route);
      const ctx = new MessageContext(message, found?.params ?? NO_PARAMS, this.#log);
      await this.#within(message, ctx, found?.entry ?? null);
      if (ctx.reply.status !== OK) assertStatus(ctx.reply.status);
      // The handler has ended, but what it answers has only begun: it must still hear that nobody wants it.
      if (isAsyncIterable(ctx.reply.value)) {
        message.signal?.addEventListener('abort', () => ctx.stop(callerGone()), { once: true });
      }
      return ctx.reply;
    } catch (error) {
      return this.#replyTo(error, message);
    }
  }

  #find(route: string): { entry: Entry; params: Readonly<Record<string, string>> } | null {
    const match = this.#router.match(route);
    if (match) return { entry: match.value, params: match.params };
    return this.#fallback ? { entry: this.#fallback, params: NO_PARAMS } : null;
  }

  /** Runs the handler until it ends, its time is up, or the caller is gone; timers only where it does not end at once. */
  async #within(message: InboundMessage, ctx: MessageContext, entry: Entry | null): Promise<void> {
    const { signal } = message;
    if (signal?.aborted) throw callerGone();
    this.#run ??= compose<Call>(this.#layers.map(onContext), runHandler);
    let ended = false;
    const work = this.#run({ ctx, entry }).finally(() => {
      ended = true;
    });
    // Handlers that do not wait for anything are over after a few turns of the microtask queue.
    for (let turn = 0; turn < 8 && !ended; turn++) await null;
    if (ended) return work;
    await until(work, ctx, signal, entry?.timeout ?? this.#defaults.timeout);
  }

  #replyTo(error: unknown, message: InboundMessage): Reply {
    if (error instanceof StatusError && isStatus(error.status)) return errorReply(error);
    try {
      this.#log.error({ error, route: message.route }, 'a handler failed');
    } catch {
      // A broken log is no reason to leave a message without its answer.
    }
    return errorReply(new StatusError(500, 'The handler failed.', { code: 'handler_failed' }));
  }

  #entry(handler: Handler, options: RouteOptions<StandardSchemaV1 | undefined>): Entry {
    return {
      handler,
      schema: options.schema,
      once: options.once ?? false,
      ...resolveLimits(options, this.#defaults),
    };
  }
}

/** One message on its way through the layers. */
interface Call {
  readonly ctx: MessageContext;
  readonly entry: Entry | null;
}

function onContext(middleware: Middleware): Layer<Call> {
  return (call, next) => middleware(call.ctx, next);
}

async function runHandler({ ctx, entry }: Call): Promise<void> {
  if (!entry)
    throw new StatusError(404, `No route fits ${shortened(ctx.route)}.`, { code: 'route_not_found' });
  if (ctx.bytes.length > entry.maxBody) {
    const text = `The body has ${ctx.bytes.length} bytes; this route takes ${entry.maxBody}.`;
    throw new StatusError(413, text, { code: 'body_too_large' });
  }
  if (entry.schema) ctx.setBody(await validated(entry.schema, ctx.body));
  const value = await entry.handler(ctx);
  if (value !== undefined) ctx.reply.value = value;
}

/** Resolves with `work`, or rejects once `timeout` ms are over or `signal` aborts. */
function until(
  work: Promise<void>,
  ctx: MessageContext,
  signal: AbortSignal | undefined,
  timeout: number,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = (error: StatusError): void => {
    ctx.stop(error);
    reject(error);
  };
  const onAbort = (): void => stop(callerGone());
  const timer = setTimeout(() => {
    const text = `The handler took longer than ${timeout} ms.`;
    stop(new StatusError(504, text, { code: 'handler_timeout' }));
  }, timeout);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  work.then(resolve, reject);
  // Cleared whoever ended it: a handler that was told to stop may never end.
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  });
}

/** Whether a wire can carry it: what is not an HTTP status number would only fail later, in an adapter. */
function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 100 && status <= 599;
}

function assertStatus(status: number): void {
  if (isStatus(status)) return;
  throw new SottoError('invalid_argument', `The reply's status must be 0 or from 100 to 599, not ${status}.`);
}

function callerGone(): StatusError {
  return new StatusError(499, 'The caller is gone.', { code: 'caller_gone' });
}

function shortened(route: string): string {
  return route.length > 100 ? `"${route.slice(0, 100)}…"` : `"${route}"`;
}
