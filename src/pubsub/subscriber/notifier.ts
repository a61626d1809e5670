/** How broadcasters are asked by HTTP: any of them will do, and another where one is away. Who only notifies needs no more. */

import { sockets } from '#sockets';
import { type Bytes, EMPTY, sameBytes } from '../../bytes/bytes.ts';
import { SottoError, StatusError, type StatusErrorCode } from '../../errors.ts';
import { type Backoff, backoffDelay, delay } from '../../transport/backoff.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import { decodeAnswer, encodeNotifyHead, type StatelessAnswer } from '../../wire/lonelyps-stateless.ts';
import type { AuthConfig } from '../authorization/authorization.ts';
import { Deadline } from '../delivery/deadline.ts';
import type { MessageBody } from '../delivery/poster.ts';
import type { OutgoingMessage } from './road.ts';

export interface CallOptions {
  /** Their addresses, in the order in which they are asked: `http://host:3003`. */
  readonly broadcasters: readonly string[];
  readonly auth: AuthConfig;
  /** One call's time, ms. */
  readonly timeout: number;
  /** Rounds through all of them after the first. */
  readonly retries: number;
  /** Between two rounds. */
  readonly backoff: Backoff;
}

/** A request to be signed anew for each attempt: a broadcaster takes no signature twice. */
interface Call {
  readonly path: string;
  readonly operation: SignedOperation;
  readonly head: Bytes;
  readonly body: MessageBody | null;
  /** As the head has it. Default none. */
  readonly tracing?: Bytes;
}

const MAX_ANSWER = 256 * 1024;
export const CONFLICT = 409;
const CODES: ReadonlyMap<number, StatusErrorCode> = new Map([
  [400, 'bad_request'],
  [401, 'not_allowed'],
  [403, 'not_allowed'],
  [CONFLICT, 'conflict'],
  [413, 'body_too_large'],
  [503, 'unavailable'],
]);
/** Another broadcaster, or a later moment, may say otherwise. */
const PASSING: ReadonlySet<number> = new Set([500, 502, 503, 504]);

export class Notifier {
  readonly #options: CallOptions;

  constructor(options: CallOptions) {
    this.#options = options;
  }

  /**
   * @returns how many subscribers confirmed it.
   * @throws StatusError where a broadcaster refuses; SottoError `unreachable` where none can be reached, `refused` for
   * an answer that is not proven. After `unreachable` it may have been delivered all the same.
   */
  async notify({ topic, sha512, body, identifier, tracing = EMPTY }: OutgoingMessage): Promise<number> {
    const length = BigInt(body.length);
    const answer = await this.call({
      path: '/v1/notify',
      operation: { kind: 'notify', topic, identifier, sha512 },
      head: encodeNotifyHead({ topic, sha512, tracing, identifier, length }),
      body,
      tracing,
    });
    if (answer.type !== 'notify' || !sameBytes(answer.identifier, identifier)) throw unproven();
    const { subscribers } = answer;
    await this.prove(answer, { kind: 'confirm-notify', identifier, subscribers, topic, sha512 });
    return subscribers;
  }

  /** Asks one broadcaster after the other, round by round, until one has an answer that would not pass. */
  protected async call(call: Call): Promise<StatelessAnswer> {
    const { broadcasters, retries, backoff } = this.#options;
    let failure: unknown = null;
    for (let round = 0; round <= retries; round++) {
      if (round > 0) await delay(backoffDelay(backoff, round - 1));
      for (const broadcaster of broadcasters) {
        try {
          return await this.#attempt(broadcaster, call);
        } catch (error) {
          if (error instanceof StatusError ? !PASSING.has(error.status) : !isUnreachable(error)) throw error;
          failure = error;
        }
      }
    }
    throw failure;
  }

  async #attempt(
    broadcaster: string,
    { path, operation, head, body, tracing = EMPTY }: Call,
  ): Promise<StatelessAnswer> {
    const { auth, timeout } = this.#options;
    const authorization = await auth.toBroadcaster.authorize({ operation, tracing });
    const deadline = new Deadline(timeout);
    const answer = await sockets
      .postStream(`${broadcaster.replace(/\/$/, '')}${path}`, {
        headers: {
          'content-type': 'application/octet-stream',
          ...(authorization === null ? {} : { authorization }),
        },
        length: head.length + (body?.length ?? 0),
        body: wholeBody(head, body && deadline.watching(body)),
        maxAnswer: MAX_ANSWER,
        signal: deadline.signal,
      })
      .finally(() => deadline.end());
    if (answer.status === 200) return decodeAnswer(answer.body);
    const code = CODES.get(answer.status) ?? 'status';
    throw new StatusError(answer.status, `${broadcaster} answered ${path} with status ${answer.status}.`, {
      code,
    });
  }

  protected async prove(
    answer: Exclude<StatelessAnswer, { type: 'unsubscribe-immediate' }>,
    operation: SignedOperation,
  ): Promise<void> {
    const { authorization, tracing } = answer;
    const judgement = await this.#options.auth.toSubscriber.verify(authorization, { operation, tracing });
    if (judgement !== 'ok' && typeof judgement !== 'object') throw unproven();
  }
}

async function* wholeBody(head: Bytes, body: MessageBody | null): AsyncGenerator<Bytes, void, void> {
  yield head;
  if (body) yield* body.chunks();
}

function isUnreachable(error: unknown): boolean {
  return error instanceof SottoError && error.code === 'unreachable';
}

export function unproven(): SottoError {
  return new SottoError(
    'refused',
    'The answer is not one of that broadcaster: its authorization does not fit.',
  );
}
