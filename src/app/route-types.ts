/** Which paths an app's routes take, and which route a path leads to: the router's rules (router.ts), as types. */

import type { App } from './app.ts';

/** The routes of `typeof app`. */
export type RoutesOf<A> = A extends App<infer Routes> ? Routes : never;

/** The paths of a route: `/weather/${string}` for `/weather/:city`, `/files/${string}` for `/files/*`. */
export type PathOf<Route> = Route extends `${infer Segment}/${infer Rest}`
  ? `${Filled<Segment>}/${PathOf<Rest>}`
  : Filled<Route>;

/** What may stand in place of a segment. */
type Filled<Segment> = Segment extends `:${string}` | '*' ? string : Segment & string;

/**
 * The route that fits a path best, or never. What is put into a template (`/weather/${city}`) counts as a parameter's
 * value, not as one that could be the text of another route.
 */
export type RouteFor<Routes, Path extends string> = Path extends `/${infer Rest}`
  ? Search<LeafOf<keyof Routes>, `${Rest}/`>
  : never;

/** A route, and before it what of its text the path has still to fit. Each segment ends in `/`, so that none is special. */
type LeafOf<Route> = Route extends `/${infer Rest}` ? [`${Rest}/`, Route] : never;

/** Segment by segment: a literal beats a parameter, a parameter beats the wildcard. */
type Search<Leaf, Path extends string> = [Leaf] extends [never]
  ? never
  : Path extends `${infer Segment}/${infer Rest}`
    ? First<
        Search<AfterLiteral<Leaf, Segment>, Rest>,
        First<Search<AfterParameter<Leaf, Segment>, Rest>, Ended<Leaf, '*/'>>
      >
    : Ended<Leaf, ''>;

/** The leaves whose next segment is that text. */
type AfterLiteral<Leaf, Segment> = Leaf extends [`${infer Text}/${infer Rest}`, infer Route]
  ? Segment extends Text
    ? [Rest, Route]
    : never
  : never;

/** The leaves whose next segment is a parameter, which is never empty. */
type AfterParameter<Leaf, Segment> = Segment extends ''
  ? never
  : Leaf extends [`:${string}/${infer Rest}`, infer Route]
    ? [Rest, Route]
    : never;

/** The route of the leaf of which only `Rest` is left. */
type Ended<Leaf, Rest> = Leaf extends [Rest, infer Route] ? Route : never;

/** A, or where there is none B. */
type First<A, B> = [A] extends [never] ? B : A;

/** The routes whose handler returns many values, an async iterable; what throws only (`never`) returns none. */
export type StreamRoute<Routes> = {
  [Route in keyof Routes]: [ValueAt<Routes, Route>] extends [never]
    ? never
    : [ValueAt<Routes, Route>] extends [AsyncIterable<unknown>]
      ? Route
      : never;
}[keyof Routes];

/** The routes whose handler returns one value. */
export type ValueRoute<Routes> = Exclude<keyof Routes, StreamRoute<Routes>>;

/** What a caller of a route gets. */
export type ValueAt<Routes, Route> = Route extends keyof Routes
  ? Routes[Route] extends { readonly value: infer Value }
    ? Value
    : never
  : never;

/** What a caller of a route sends: where it may be one of several routes, what fits them all; of no route, anything. */
export type BodyAt<Routes, Route> = Taker<Routes, Route> extends (body: infer Body) => void ? Body : never;

/** Bodies as parameters: the compiler infers one for several functions as what they all take. */
type Taker<Routes, Route> = Route extends keyof Routes
  ? Routes[Route] extends { readonly body: infer Body }
    ? (body: Body) => void
    : never
  : never;
