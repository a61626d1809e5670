/** Clients that know an app's routes: a wrong path or body does not compile, and what comes back has its type. */

import type { App } from './app.ts';
import type { BodyAt, PathOf, RouteFor, RoutesOf, StreamRoute, ValueAt, ValueRoute } from './route-types.ts';

/** What everything that waits for an answer takes. */
export interface WaitOptions {
  /** ms. Default: the asker's. */
  readonly timeout?: number;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

/** Whatever asks an app and brings back its value, as every client does. */
export interface Asker<Options = WaitOptions> {
  request(route: string, body?: unknown, options?: Options): Promise<unknown>;
}

/** An asker that can also bring back many values. */
export interface StreamAsker<Options = WaitOptions> extends Asker<Options> {
  stream(route: string, body?: unknown, options?: Omit<Options, 'timeout'>): AsyncIterable<unknown>;
}

/** A stream asker that can also tell without an answer. */
export interface PushAsker<Options = WaitOptions> extends StreamAsker<Options> {
  push(route: string, body?: unknown): boolean;
}

/** What {@link createClient} makes of an {@link Asker}, for the app that `A` is the type of. */
export type TypedClient<A extends App, Options = WaitOptions> = Requests<RoutesOf<A>, Options>;

/** What {@link createClient} makes of a {@link StreamAsker}. */
export type TypedStreamClient<A extends App, Options = WaitOptions> = TypedClient<A, Options> &
  Streams<RoutesOf<A>, Options>;

/** What {@link createClient} makes of a {@link PushAsker}. */
export type TypedPushClient<A extends App, Options = WaitOptions> = TypedStreamClient<A, Options> &
  Pushes<RoutesOf<A>>;

interface Requests<Routes, Options> {
  /** Asks a route that answers with one value. Rejects as the asker's `request` does. */
  request<const Path extends string, Route = RouteFor<Routes, Path> & ValueRoute<Routes>>(
    path: Fitting<Routes, Path, ValueRoute<Routes>>,
    ...rest: Rest<BodyAt<Routes, Route>, [options?: Options]>
  ): Promise<ValueAt<Routes, Route>>;
}

interface Streams<Routes, Options> {
  /** Asks a route whose handler returns an async iterable. Fails as the asker's `stream` does. */
  stream<const Path extends string, Route = RouteFor<Routes, Path> & StreamRoute<Routes>>(
    path: Fitting<Routes, Path, StreamRoute<Routes>>,
    ...rest: Rest<BodyAt<Routes, Route>, [options?: Omit<Options, 'timeout'>]>
  ): AsyncIterable<ItemOf<ValueAt<Routes, Route>>>;
}

interface Pushes<Routes> {
  /** Tells any route, whatever it would answer; gives back what the asker's `push` does. */
  push<const Path extends string, Route = RouteFor<Routes, Path>>(
    path: Fitting<Routes, Path, keyof Routes>,
    ...rest: Rest<BodyAt<Routes, Route>, []>
  ): boolean;
}

/** The path where one of the routes `Kind` fits it; else what the compiler's message should name: the paths there are. */
type Fitting<Routes, Path extends string, Kind> =
  Path extends PathOf<Kind> ? ([RouteFor<Routes, Path> & Kind] extends [never] ? never : Path) : PathOf<Kind>;

/** What follows the path: the body, which may be left out where it may be `undefined`, and `More`. */
type Rest<Body, More extends readonly unknown[]> = undefined extends Body
  ? [body?: Body, ...more: More]
  : [body: Body, ...more: More];

/** One of many values. */
type ItemOf<Values> = Values extends AsyncIterable<infer Item> ? Item : never;

/**
 * The same client, seen through an app's type: paths, bodies and values are those of its routes. It costs nothing when
 * it runs and checks nothing then: the program that answers must be of that type, and values have the types that the
 * handlers return only as far as their representation keeps them.
 *
 * A program that has no more of the server than its type takes it by `import type { app } from './server.ts'`. For the
 * options that only your client has, name their type: `createClient<typeof app, RequestOptions>(client)`.
 *
 * @param asker a `RequestClient`, or any object with such a `request`; with `stream` and `push` where it has them.
 *
 * @example
 * ```ts
 * import { createApp, createClient, Identity } from 'sotto';
 * import { RequestClient, RequestServer } from 'sotto/request';
 * const app = createApp().on('/weather/:city', ({ params }) => ({ city: params.city, celsius: 21 }));
 * const identity = Identity.generate();
 * await using server = await RequestServer.start(app, { identity, listen: 'udp://127.0.0.1:0' });
 * await using client = await RequestClient.connect(server.addresses, { serverKey: identity.publicKey });
 * const { celsius } = await createClient<typeof app>(client).request('/weather/oslo');
 * console.log(celsius.toFixed(1)); // a number, as the handler says
 * ```
 */
export function createClient<A extends App, Options = WaitOptions>(
  asker: PushAsker<Options>,
): TypedPushClient<A, Options>;
export function createClient<A extends App, Options = WaitOptions>(
  asker: StreamAsker<Options>,
): TypedStreamClient<A, Options>;
export function createClient<A extends App, Options = WaitOptions>(
  asker: Asker<Options>,
): TypedClient<A, Options>;
export function createClient(asker: Asker): Asker {
  return asker;
}
