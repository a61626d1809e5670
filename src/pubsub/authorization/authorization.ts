/** Who may do what: one authorizer for each direction, which proves what is sent and judges what comes. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import type { Pattern } from '../stores/store.ts';

/** What is found of a header: `unauthorized` without one that is needed, `unavailable` where it cannot be told now. */
export type Verdict = 'ok' | 'unauthorized' | 'forbidden' | 'unavailable';

/** A good header of a key that may not subscribe to everything: what a list that is not signed itself is held against. */
export interface Grant {
  readonly verdict: 'ok';
  maySubscribe(pattern: Pattern): boolean;
}

/** What an authorization is for. */
export interface Authorized {
  readonly operation: SignedOperation;
  /** The message's own. */
  readonly tracing: Bytes;
}

/** One direction. Either call may take its time, to look a key up in a database for instance. */
export interface Authorizer {
  /** The header for what is sent; null for none. */
  authorize(authorized: Authorized): string | null | Promise<string | null>;
  /** Judges what came. Never throws: what it cannot tell is `unavailable`. */
  verify(header: string | null, authorized: Authorized): Verdict | Grant | Promise<Verdict | Grant>;
}

/** Both directions; the two ends of a connection need the same. */
export interface AuthConfig {
  /** Proves subscribers. */
  readonly toBroadcaster: Authorizer;
  /** Proves broadcasters. */
  readonly toSubscriber: Authorizer;
}

const NONE: Authorizer = { authorize: () => null, verify: () => 'ok' };

/** Nothing is proven and everything is believed: for a network of one's own. */
export function noneAuth(): AuthConfig {
  return { toBroadcaster: NONE, toSubscriber: NONE };
}

export { NONE as NO_AUTHORIZER };
