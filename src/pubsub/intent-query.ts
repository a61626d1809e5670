/**
 * The question whether a url wants to be subscribed, as the query of a GET, and its answer.
 *
 * ```text
 * hub.mode=subscribe&hub.topic=TOPIC&hub.challenge=CHALLENGE     TOPIC is percent-encoded bytes: a topic or a glob
 * answer                                                         a status from 200 to 299; the body is the challenge alone
 * ```
 *
 * Source: W3C WebSub, section 5.3.
 */

import { type Bytes, sameBytes } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { percentEncoded } from './percent.ts';

/** What may be sent back to anybody who asks: nothing that a browser would take for more than text. */
const CHALLENGE = /^[\w.~-]{1,256}$/;

/** The url with the question added to what query it has. */
export function intentUrl(url: string, topic: Bytes, challenge: string): string {
  const asked = new URL(url);
  const separator = asked.search === '' ? '?' : '&';
  const query = `hub.mode=subscribe&hub.topic=${percentEncoded(topic)}&hub.challenge=${challenge}`;
  asked.search += `${separator}${query}`;
  asked.hash = '';
  return asked.href;
}

/** The challenge of a question; null for a query that is none. */
export function challengeOf(query: string): string | null {
  const parameters = new URLSearchParams(query);
  const challenge = parameters.get('hub.challenge') ?? '';
  const isQuestion = parameters.get('hub.mode') === 'subscribe' && CHALLENGE.test(challenge);
  return isQuestion ? challenge : null;
}

export function isConfirmed(
  answer: { readonly status: number; readonly body: Bytes },
  challenge: string,
): boolean {
  return answer.status >= 200 && answer.status < 300 && sameBytes(answer.body, encodeUtf8(challenge));
}
