/**
 * Deliveries as lonelyps has them: a signed head before the message, and a signed answer.
 *
 * Source: specs/lonelyps.md, sections 9.3 to 9.6 and 16.
 */

import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { messageOf } from '../../errors.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import {
  decodeAnswer,
  encodeMissed,
  encodeReceiveHead,
  encodeReprDigest,
  type StatelessAnswer,
} from '../../wire/lonelyps-stateless.ts';
import type { AuthConfig } from '../authorization/authorization.ts';
import type { Notification } from './fan-out.ts';
import {
  type DeliveryFormat,
  failed,
  failedByStatus,
  type MissedNotice,
  type Outcome,
  type Prepared,
} from './format.ts';
import type { Answer } from './poster.ts';

const CONTENT_TYPE = 'application/octet-stream';

export class LonelypsFormat implements DeliveryFormat {
  readonly #auth: AuthConfig;

  constructor(auth: AuthConfig) {
    this.#auth = auth;
  }

  async prepare(url: string, { topic, sha512, body, identifier, tracing }: Notification): Promise<Prepared> {
    const headers = await this.#signed({ kind: 'receive', url, topic, identifier, sha512 }, tracing);
    return {
      headers: { ...headers, 'repr-digest': encodeReprDigest(sha512) },
      head: encodeReceiveHead({ tracing, topic, identifier, length: BigInt(body.length) }),
      body,
    };
  }

  /** By the answer's body alone: the status says nothing, by the specification. */
  async judge(url: string, answer: Answer): Promise<Outcome> {
    const said = decoded(answer);
    if ('state' in said) return said;
    if (said.type === 'unsubscribe-immediate') return { state: 'unsubscribed' };
    if (said.type !== 'confirm-receive') return failed(`it answered with ${said.type}`);
    const { identifier, subscribers } = said;
    const isProven = await this.#isProven(said, { kind: 'confirm-receive', identifier, subscribers, url });
    return isProven ? { state: 'received', subscribers } : failed('its answer is not proven');
  }

  async prepareMissed({ recovery, topic }: MissedNotice): Promise<Prepared> {
    const headers = await this.#signed({ kind: 'missed', recovery, topic }, EMPTY);
    return { headers, head: encodeMissed({ tracing: EMPTY, topic }), body: null };
  }

  async judgeMissed({ recovery, topic }: MissedNotice, answer: Answer): Promise<Outcome> {
    const said = decoded(answer);
    if ('state' in said) return said;
    if (said.type !== 'confirm-missed') return failed(`it answered with ${said.type}`);
    const isProven = await this.#isProven(said, { kind: 'confirm-missed', topic, url: recovery });
    return isProven ? { state: 'received', subscribers: 1 } : failed('its answer is not proven');
  }

  async #signed(operation: SignedOperation, tracing: Bytes): Promise<Record<string, string>> {
    const authorization = await this.#auth.toSubscriber.authorize({ operation, tracing });
    return { 'content-type': CONTENT_TYPE, ...(authorization === null ? {} : { authorization }) };
  }

  async #isProven(
    { authorization, tracing }: { readonly authorization: string | null; readonly tracing: Bytes },
    operation: SignedOperation,
  ): Promise<boolean> {
    const judgement = await this.#auth.toBroadcaster.verify(authorization, { operation, tracing });
    return judgement === 'ok' || typeof judgement === 'object';
  }
}

/** What it said; what is no answer of the protocol is judged by its status, by whoever might try again. */
function decoded(answer: Answer): StatelessAnswer | Outcome {
  try {
    return decodeAnswer(answer.body);
  } catch (error) {
    return failedByStatus(`it answered with status ${answer.status}: ${messageOf(error)}`, answer);
  }
}
