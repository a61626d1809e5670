/** What a subscriber asks of broadcasters besides: which webhooks hear of what. */

import { type Bytes, concat, EMPTY, sameBytes } from '../../bytes/bytes.ts';
import { StatusError } from '../../errors.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import {
  encodeCheck,
  encodeSet,
  encodeSubscribeExact,
  encodeSubscribeGlob,
  encodeUnsubscribeExact,
  encodeUnsubscribeGlob,
} from '../../wire/lonelyps-stateless.ts';
import { etagOf, listsOf } from '../etag.ts';
import type { Pattern, Wanted } from '../stores/store.ts';
import { CONFLICT, Notifier, unproven } from './notifier.ts';

export { bytesOf } from '../delivery/bytes-of.ts';

export class BroadcasterCalls extends Notifier {
  /** Whether it is new: there already is as good. @throws as {@link notify} does. */
  subscribe(url: string, { pattern, recovery }: Wanted): Promise<boolean> {
    return this.#change('subscribe', url, pattern, recovery);
  }

  /** Not there is as good as gone. @throws as {@link notify} does. */
  async unsubscribe(url: string, pattern: Pattern): Promise<void> {
    await this.#change('unsubscribe', url, pattern, null);
  }

  /** Whether a url is subscribed to just that. @throws as {@link notify} does. */
  async isSubscribed(url: string, wanted: readonly Wanted[]): Promise<boolean> {
    const answer = await this.call({
      path: '/v1/check_subscriptions',
      operation: { kind: 'check', url },
      head: encodeCheck({ tracing: EMPTY, url }),
      body: null,
    });
    if (answer.type !== 'check') throw unproven();
    const { etag } = answer;
    await this.prove(answer, { kind: 'confirm-check', etag });
    return sameBytes(etag, etagOf(url, wanted));
  }

  /** Makes a url's subscriptions just these, sorted as the etag wants them. @throws as {@link notify} does. */
  async set(url: string, wanted: readonly Wanted[]): Promise<void> {
    const etag = etagOf(url, wanted);
    const { exacts, globs } = listsOf(wanted);
    const answer = await this.call({
      path: '/v1/set_subscriptions',
      operation: { kind: 'set', url, etag },
      head: concat(...encodeSet({ tracing: EMPTY, url, etag }, exacts, globs)),
      body: null,
    });
    if (answer.type !== 'generic') throw unproven();
    await this.prove(answer, { kind: 'confirm-set', etag });
  }

  async #change(
    verb: 'subscribe' | 'unsubscribe',
    url: string,
    pattern: Pattern,
    recovery: string | null,
  ): Promise<boolean> {
    const head = bodyOf(verb, url, pattern, recovery);
    const operation = operationOf(['subscribe-exact', 'subscribe-glob'], url, pattern, recovery);
    try {
      const answer = await this.call({ path: `/v1/${verb}/${pattern.kind}`, operation, head, body: null });
      if (answer.type !== 'generic') throw unproven();
      await this.prove(answer, operationOf(['confirm-exact', 'confirm-glob'], url, pattern, recovery));
      return true;
    } catch (error) {
      if (error instanceof StatusError && error.status === CONFLICT) return false;
      throw error;
    }
  }
}

function bodyOf(
  verb: 'subscribe' | 'unsubscribe',
  url: string,
  pattern: Pattern,
  recovery: string | null,
): Bytes {
  const tracing = EMPTY;
  if (pattern.kind === 'exact') {
    const { topic } = pattern;
    return verb === 'subscribe'
      ? encodeSubscribeExact({ url, topic, recovery, tracing })
      : encodeUnsubscribeExact({ url, topic, tracing });
  }
  const { glob } = pattern;
  return verb === 'subscribe'
    ? encodeSubscribeGlob({ url, glob, recovery, tracing })
    : encodeUnsubscribeGlob({ url, glob, tracing });
}

function operationOf(
  [exact, glob]: readonly ['subscribe-exact', 'subscribe-glob'] | readonly ['confirm-exact', 'confirm-glob'],
  url: string,
  pattern: Pattern,
  recovery: string | null,
): SignedOperation {
  return pattern.kind === 'exact'
    ? { kind: exact, url, recovery, topic: pattern.topic }
    : { kind: glob, url, recovery, glob: pattern.glob };
}
