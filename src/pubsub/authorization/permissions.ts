/** What one key may do: topics by glob, for publishing and for subscribing. */

import type { Bytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import type { Pattern } from '../stores/store.ts';
import { type GlobToken, globCovers, globMatches, parseGlob } from '../topics/glob.ts';
import type { Grant, Verdict } from './authorization.ts';

/** What a key may do, by globs of topics. */
export interface Permissions {
  /** Globs of `*` alone, such as `orders/*`. Default every topic. */
  readonly publish?: readonly string[];
  /** The same for what may be subscribed to and received. Default every topic. */
  readonly subscribe?: readonly string[];
}

/** Checks operations against one key's permissions. */
export class PermissionCheck {
  readonly #publish: Allowed;
  readonly #subscribe: Allowed;

  /** @throws SottoError `invalid_option` for a glob that has more than stars. */
  constructor({ publish = ['*'], subscribe = ['*'] }: Permissions) {
    this.#publish = new Allowed(publish);
    this.#subscribe = new Allowed(subscribe);
  }

  /** What names no topic is nobody's business but the key's own. */
  allows(operation: SignedOperation): boolean {
    switch (operation.kind) {
      case 'notify':
        return this.#publish.hasTopic(operation.topic);
      case 'subscribe-exact':
        return this.#subscribe.hasTopic(operation.topic);
      case 'subscribe-glob':
        return this.#subscribe.hasGlob(operation.glob);
      default:
        return true;
    }
  }

  /** Of SET_SUBSCRIPTIONS, whose lists are not in what it signs. */
  maySubscribe(pattern: Pattern): boolean {
    return pattern.kind === 'exact'
      ? this.#subscribe.hasTopic(pattern.topic)
      : this.#subscribe.hasGlob(pattern.glob);
  }
}

/** What a good header is found to be, by the checks of the keys that could have made it. */
export function judged(checks: readonly PermissionCheck[], operation: SignedOperation): Verdict | Grant {
  const allowed = checks.filter((check) => check.allows(operation));
  if (allowed.length === 0) return 'forbidden';
  return { verdict: 'ok', maySubscribe: (pattern) => allowed.some((check) => check.maySubscribe(pattern)) };
}

class Allowed {
  readonly #globs: readonly { readonly glob: string; readonly tokens: readonly GlobToken[] }[];

  constructor(globs: readonly string[]) {
    this.#globs = globs.map((glob) => ({ glob, tokens: starsOf(glob) }));
  }

  hasTopic(topic: Bytes): boolean {
    return this.#globs.some(({ glob }) => globMatches(glob, topic));
  }

  /** Whether every topic that a glob could fit is allowed. */
  hasGlob(asked: string): boolean {
    const tokens = parseGlob(asked);
    return tokens === null || this.#globs.some((each) => globCovers(each.tokens, tokens));
  }
}

function starsOf(glob: string): readonly GlobToken[] {
  const tokens = parseGlob(glob);
  if (tokens?.every(({ type }) => type === 'literal' || type === 'run')) return tokens;
  const text = `A permission is a topic or a glob of stars, such as "orders/*", not "${glob}".`;
  throw new SottoError('invalid_option', text);
}
