/**
 * Routes by segment: a literal beats a parameter, a parameter beats the wildcard. Only branches that fit the path so
 * far are walked, so a match costs no more however many other routes there are.
 */

import { SottoError } from '../errors.ts';

/** What a route's parameters are called, from its text: `/a/:b/*` has `b` and `*`. */
export type ParamsOf<Route extends string> = string extends Route
  ? Readonly<Record<string, string>>
  : { readonly [Name in ParamNames<Route>]: string };

type ParamNames<Route extends string> = Route extends `${infer Segment}/${infer Rest}`
  ? ParamName<Segment> | ParamNames<Rest>
  : ParamName<Route>;

type ParamName<Segment extends string> = Segment extends `:${infer Name}`
  ? Name
  : Segment extends '*'
    ? '*'
    : never;

export interface Match<T> {
  readonly value: T;
  readonly params: Readonly<Record<string, string>>;
}

// Chosen: a longer route is nobody's; matching never looks at more. In segments, and in UTF-16 code units.
const MAX_SEGMENTS = 64;
const MAX_LENGTH = 4096;

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  parameter: Node<T> | null;
  end: Leaf<T> | null;
  rest: Leaf<T> | null;
}

interface Leaf<T> {
  readonly value: T;
  readonly route: string;
  readonly names: readonly string[];
}

export class Router<T> {
  readonly #root: Node<T> = newNode();

  /** @throws SottoError `invalid_route` for a pattern that cannot be, or that is taken. */
  add(route: string, value: T): void {
    const segments = patternOf(route);
    const names = segments.filter(isParameter).map((segment) => segment.slice(1));
    if (new Set(names).size !== names.length) throw invalid(route, 'names a parameter twice');
    const wildcard = segments.at(-1) === '*';
    let node = this.#root;
    for (const segment of wildcard ? segments.slice(0, -1) : segments) node = childFor(node, segment);
    const taken = wildcard ? node.rest : node.end;
    if (taken) throw invalid(route, `is taken by "${taken.route}"`);
    const leaf = { value, route, names };
    if (wildcard) node.rest = leaf;
    else node.end = leaf;
  }

  /** The route that fits best, or null. */
  match(route: string): Match<T> | null {
    if (!route.startsWith('/') || route.length > MAX_LENGTH) return null;
    const segments = route.slice(1).split('/', MAX_SEGMENTS + 1);
    if (segments.length > MAX_SEGMENTS) return null;
    const values: string[] = [];
    const leaf = find(this.#root, segments, 0, values);
    return leaf ? { value: leaf.value, params: paramsOf(leaf, values) } : null;
  }
}

/** Depth first, best branch first; `values` holds what the parameters on the way took. */
function find<T>(
  node: Node<T>,
  segments: readonly string[],
  depth: number,
  values: string[],
): Leaf<T> | null {
  const segment = segments[depth];
  if (segment === undefined) return node.end;
  const literal = node.literals.get(segment);
  const exact = literal ? find(literal, segments, depth + 1, values) : null;
  if (exact) return exact;
  if (node.parameter && segment !== '') {
    values.push(segment);
    const found = find(node.parameter, segments, depth + 1, values);
    if (found) return found;
    values.pop();
  }
  if (node.rest) values.push(segments.slice(depth).join('/'));
  return node.rest;
}

function paramsOf<T>(leaf: Leaf<T>, values: readonly string[]): Readonly<Record<string, string>> {
  if (values.length === 0) return NO_PARAMS;
  // Without a prototype, so that a parameter named `constructor` is only that.
  const params: Record<string, string> = Object.create(null);
  for (const [index, value] of values.entries()) params[leaf.names[index] ?? '*'] = value;
  return params;
}

export const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

const PARAMETER = /^:[\p{L}_][\p{L}\p{N}_]*$/u;

function patternOf(route: string): string[] {
  if (typeof route !== 'string' || !route.startsWith('/')) throw invalid(route, 'must start with "/"');
  if (route.length > MAX_LENGTH) throw invalid(route, `is longer than ${MAX_LENGTH} characters`);
  const segments = route.slice(1).split('/');
  if (segments.length > MAX_SEGMENTS) throw invalid(route, `has more than ${MAX_SEGMENTS} segments`);
  for (const [index, segment] of segments.entries()) {
    if (segment === ':') throw invalid(route, 'has a parameter without a name');
    if (segment.includes('*') && (segment !== '*' || index < segments.length - 1)) {
      throw invalid(route, 'may have "*" only as its last segment');
    }
    // Other routers give `:id?` and `:id.json` a meaning; here they would only be odd names.
    if (isParameter(segment) && !PARAMETER.test(segment)) {
      throw invalid(route, `has the parameter "${segment}"; a name is letters, digits and "_" alone`);
    }
  }
  return segments;
}

function childFor<T>(node: Node<T>, segment: string): Node<T> {
  if (isParameter(segment)) {
    node.parameter ??= newNode();
    return node.parameter;
  }
  const known = node.literals.get(segment);
  if (known) return known;
  const child = newNode<T>();
  node.literals.set(segment, child);
  return child;
}

function isParameter(segment: string): boolean {
  return segment.startsWith(':');
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), parameter: null, end: null, rest: null };
}

function invalid(route: string, why: string): SottoError {
  const name = typeof route === 'string' && route.length > 100 ? `${route.slice(0, 100)}…` : route;
  return new SottoError('invalid_route', `The route "${name}" ${why}.`);
}
