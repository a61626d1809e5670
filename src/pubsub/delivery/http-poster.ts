/** Deliveries by HTTP. */

import { sockets } from '#sockets';
import type { Bytes } from '../../bytes/bytes.ts';
import type { AddressLimits } from '../../platform/types.ts';
import type { MessageBody, Poster } from './poster.ts';

/** The longest answer that the protocol has is far shorter, bytes. */
const MAX_ANSWER = 256 * 1024;

/** @param addresses where it may post to. */
export function httpPoster(addresses: AddressLimits): Poster {
  return {
    post: (url, { head, headers, body, cutAnswer = false, signal }) =>
      sockets.postStream(url, {
        ...addresses,
        cutAnswer,
        headers,
        length: head.length + (body?.length ?? 0),
        body: pieces(head, body),
        maxAnswer: MAX_ANSWER,
        signal,
      }),
  };
}

function pieces(head: Bytes, body: MessageBody | null): Iterable<Bytes> | AsyncIterable<Bytes> {
  const chunks = body?.chunks() ?? [];
  return Array.isArray(chunks) || body === null ? [head, ...(chunks as Bytes[])] : wholeBody(head, body);
}

async function* wholeBody(head: Bytes, body: MessageBody): AsyncGenerator<Bytes, void, void> {
  yield head;
  yield* body.chunks();
}
