/** What a handler's reply becomes, where it is one answer and not many. */

import { isAsyncIterable, OK, type Reply } from '../app/message.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { errorReplyBytes, fromReply } from '../sealed/adapter.ts';
import { STATUS } from '../sealed/status.ts';

/** A routed reply; one that says so in place of an answer that is longer than `most` bytes. */
export function answerOf(reply: Reply, most: number): Bytes {
  const bytes = fromReply(reply);
  if (bytes.length <= most) return bytes;
  return errorReplyBytes(STATUS.replyTooLarge, `The answer is over the limit of ${most} bytes.`);
}

/** For what must be kept whole to be told again. */
export function single(reply: Reply): Reply {
  if (reply.status !== OK || !isAsyncIterable(reply.value)) return reply;
  const value = 'A stream cannot be answered once.';
  return { status: STATUS.handlerFailed, value, representation: 't' };
}
