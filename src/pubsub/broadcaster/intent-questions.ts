/** How a url is asked whether it wants to be subscribed: as WebSub has it, and so that every lonelyps subscriber answers. */

import { primitives } from '#crypto';
import { sha512Of } from '#sha512';
import { type Bytes, EMPTY, sameBytes } from '../../bytes/bytes.ts';
import { encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { decodeAnswer } from '../../wire/lonelyps-stateless.ts';
import type { DeliveryFormat } from '../delivery/format.ts';
import type { Answer, Poster } from '../delivery/poster.ts';
import { intentUrl, isConfirmed } from '../intent-query.ts';
import type { IntentQuestion } from './intent.ts';

/** The longest answer that is read, bytes. */
export const MAX_INTENT_ANSWER: number = 64 * 1024;

/** The topic of the message that asks: one that nobody has subscribed to. */
const TOPIC: Bytes = encodeUtf8('sotto/intent');
const CHALLENGE_SIZE = 16;
const SHA512_OF_NOTHING: Bytes = sha512Of(EMPTY);

interface Asking {
  /** One GET, that follows no redirect; see {@link MAX_INTENT_ANSWER}. */
  readonly get: (url: string, signal: AbortSignal) => Promise<Answer>;
  /** What a lonelyps subscriber is asked with; null asks none, so that nothing is ever posted to who has not confirmed. */
  readonly lonelyps: { readonly format: DeliveryFormat; readonly poster: Poster } | null;
}

/** A question for an `IntentCheck`: by GET, and where that is answered otherwise, by an empty message. */
export function intentQuestion({ get, lonelyps }: Asking): (question: IntentQuestion) => Promise<boolean> {
  return async (question) => {
    if (await confirmsByGet(question, get)) return true;
    return lonelyps !== null && (await confirmsByMessage(question, lonelyps));
  };
}

/** The challenge comes back. */
async function confirmsByGet({ url, topic, signal }: IntentQuestion, get: Asking['get']): Promise<boolean> {
  const challenge = encodeHex(primitives.randomBytes(CHALLENGE_SIZE));
  return isConfirmed(await get(intentUrl(url, topic, challenge), signal), challenge);
}

/** Subscribers of lonelyps confirm any message, whatever its topic, and by the identifier that it came with. */
async function confirmsByMessage(
  { url, signal }: IntentQuestion,
  { format, poster }: NonNullable<Asking['lonelyps']>,
): Promise<boolean> {
  const identifier = primitives.randomBytes(CHALLENGE_SIZE);
  const body = { length: 0, chunks: () => [] };
  const question = { topic: TOPIC, sha512: SHA512_OF_NOTHING, body, identifier, tracing: EMPTY };
  const prepared = await format.prepare(url, question);
  const answer = await poster.post(url, { ...prepared, signal });
  const { state } = await format.judge(url, answer);
  return state === 'received' && isEchoed(answer.body, identifier);
}

function isEchoed(body: Bytes, identifier: Bytes): boolean {
  const said = decodeAnswer(body);
  return said.type === 'confirm-receive' && sameBytes(said.identifier, identifier);
}
