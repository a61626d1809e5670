/** Deliveries by HTTP. */

import { sockets } from '#sockets';
import type { Bytes } from '../../bytes/bytes.ts';
import type { Post, Poster } from './poster.ts';

/** The longest answer that the protocol has is far shorter, bytes. */
const MAX_ANSWER = 256 * 1024;

export const HTTP_POSTER: Poster = {
  post: (url, post) =>
    sockets.postStream(url, {
      headers: post.headers,
      length: post.head.length + (post.body?.length ?? 0),
      body: post.body === null ? [post.head] : wholeBody(post),
      maxAnswer: MAX_ANSWER,
      signal: post.signal,
    }),
};

async function* wholeBody({ head, body }: Post): AsyncGenerator<Bytes, void, void> {
  yield head;
  if (body) yield* body.chunks();
}
