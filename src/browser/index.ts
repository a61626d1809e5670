/**
 * `sotto/browser`: what a page has of Sotto. It asks (`RequestClient`), stays with a server (`SessionClient`), publishes and
 * subscribes (`Subscriber`). What few pages need, and the whole of publish/subscribe, comes when it is first used.
 */

import { cbor } from '#cbor';
import { primitives } from '#crypto';
import { wordList } from '#word-list';
import type { PageSubscriber, PageSubscriberOptions } from '../pubsub/subscriber/page-subscriber.ts';

export type { App } from '../app/app.ts';
export type { Context } from '../app/context.ts';
export type { Logger } from '../app/message.ts';
export {
  createClient,
  type TypedClient,
  type TypedPushClient,
  type TypedStreamClient,
} from '../app/typed-client.ts';
export { type ErrorCode, SottoError, StatusError } from '../errors.ts';
export { Identity } from '../keys/identity.ts';
export type { KeyLike } from '../keys/key-like.ts';
export { PublicKey } from '../keys/public-key.ts';
export type { ReceivedMessage } from '../pubsub/subscriber/inbox.ts';
export type { NotifyOptions, SubscribeOptions } from '../pubsub/subscriber/options.ts';
export type { PageSubscriberOptions as SubscriberOptions } from '../pubsub/subscriber/page-subscriber.ts';
export type { Subscription } from '../pubsub/subscriber/subscription.ts';
export { RequestClient } from '../request/client.ts';
export type { RequestClientOptions } from '../request/options.ts';
export type { RequestOptions } from '../sealed/sealed-client.ts';
export { type ClientEvent, SessionClient } from '../session/client.ts';
export type { SessionClientOptions } from '../session/options.ts';

/** Hears of topics, and tells of them, from a page. */
export type Subscriber = PageSubscriber;

/** Makes subscribers. The code of publish/subscribe is loaded with the first; `sotto/pubsub` has it from the start. */
export const Subscriber: {
  /**
   * @throws SottoError `invalid_option`, `invalid_url`, `unsupported_platform` for webhooks; `unreachable`.
   *
   * @example
   * ```ts
   * import { Subscriber } from 'sotto/browser';
   * await using subscriber = await Subscriber.connect({ broadcasters: 'http://127.0.0.1:3003' });
   * await using news = await subscriber.subscribe({ glob: ['news/*'] });
   * for await (const message of news) console.log(await message.text());
   * ```
   */
  connect(options: PageSubscriberOptions): Promise<PageSubscriber>;
} = {
  async connect(options) {
    const part = await import('../pubsub/subscriber/page-subscriber.ts');
    return part.PageSubscriber.connect(options);
  },
};

/**
 * Brings CBOR, in which dates, maps, sets, big integers and bytes within objects go over the wire. What waits for an answer
 * loads it by itself; `push`, and `stream` with a body, cannot wait and need it before.
 *
 * @throws SottoError `unreachable`.
 */
export async function loadCbor(): Promise<void> {
  await cbor.load();
}

/** Brings the list of words, for {@link PublicKey.words}. @throws SottoError `unreachable`. */
export async function loadWords(): Promise<void> {
  await wordList.load();
}

/**
 * Brings ML-KEM, for `sotto/pssst` with a post-quantum key; `RequestClient` loads it by itself.
 *
 * @throws SottoError `unreachable`.
 */
export async function loadPostQuantum(): Promise<void> {
  await primitives.loadPostQuantum();
}
