/** How a broadcaster reaches webhooks, as its options have it. */

import { primitives } from '#crypto';
import { sockets } from '#sockets';
import { decodeUtf8, encodeHex } from '../../bytes/text.ts';
import type { DeliveryFormat } from '../delivery/format.ts';
import { Gate } from '../delivery/gate.ts';
import { httpPoster } from '../delivery/http-poster.ts';
import { LonelypsFormat } from '../delivery/lonelyps-format.ts';
import type { Poster } from '../delivery/poster.ts';
import type { ResolvedBroadcasterOptions } from '../options.ts';
import { serveUrl } from '../serve-query.ts';
import { IntentCheck } from './intent.ts';
import { intentQuestion, MAX_INTENT_ANSWER } from './intent-questions.ts';

const CHALLENGE_SIZE = 16;
/** A webhook that serves answers at once, ms. */
const SERVE_TIMEOUT = 5000;

export interface WebhookRoad {
  readonly formatFor: (url: string) => DeliveryFormat;
  readonly poster: Poster;
  readonly gate: Gate;
}

export function webhookRoad({
  auth,
  addresses,
  limits,
  standardWebhooks,
}: ResolvedBroadcasterOptions): WebhookRoad {
  const lonelyps = new LonelypsFormat(auth);
  return {
    formatFor: (url) => (standardWebhooks?.takes(url) ? standardWebhooks : lonelyps),
    poster: httpPoster(addresses),
    gate: new Gate({
      inAll: limits.maxDeliveries,
      perUrl: limits.maxDeliveriesPerUrl,
      perHost: limits.maxDeliveriesPerHost,
      waitingPerUrl: limits.maxWaitingPerUrl,
    }),
  };
}

/**
 * What asks a webhook whether its messages may come over a connection: whoever answers there must have asked for just that
 * connection.
 */
export function serveQuestion({
  addresses,
}: ResolvedBroadcasterOptions): (url: string, connection: string) => Promise<boolean> {
  return async (url, connection) => {
    const challenge = encodeHex(primitives.randomBytes(CHALLENGE_SIZE));
    const signal = AbortSignal.timeout(SERVE_TIMEOUT);
    const asked = { ...addresses, maxAnswer: MAX_INTENT_ANSWER, signal };
    try {
      const { status, body } = await sockets.get(serveUrl(url, connection, challenge), asked);
      return status === 200 && decodeUtf8(body) === challenge;
    } catch {
      return false;
    }
  };
}

/** What asks urls before they are subscribed; null where nobody is asked. */
export function intentCheck(
  { auth, addresses, verifyIntent, standardWebhooks, store, now }: ResolvedBroadcasterOptions,
  { poster }: WebhookRoad,
): IntentCheck | null {
  if (verifyIntent === false) return null;
  const format = new LonelypsFormat(auth);
  return new IntentCheck({
    now,
    ask: intentQuestion({
      get: (url, signal) => sockets.get(url, { ...addresses, maxAnswer: MAX_INTENT_ANSWER, signal }),
      lonelyps: verifyIntent === 'strict' ? null : { format, poster },
    }),
    // Who takes Standard Webhooks cannot answer the question; who was asked before need not.
    isKnown: async (url) => (standardWebhooks?.takes(url) ?? false) || (await store.list(url)).length > 0,
  });
}
