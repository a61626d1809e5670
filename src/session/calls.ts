/** Streams that this end has opened: a question, and the one answer or the many that come back. */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError, type StatusError } from '../errors.ts';
import { errorOfStatus } from '../sealed/status.ts';
import {
  decodeBody,
  decodeSoon,
  type Representation,
  representationFromByte,
} from '../wire/representation.ts';
import { decodeRoutedReply } from '../wire/routed.ts';
import { costOfItem, decodeFailure } from '../wire/session.ts';
import type { Inflow, Outflow } from './flow.ts';

/** What came for a stream, put together. */
export type Part =
  | { readonly kind: 'data' | 'item' | 'error'; readonly content: Bytes }
  | { readonly kind: 'end' };

/** A stream that waits for its answer. */
export interface Call {
  /** What the question itself streams; null for a question that is whole. */
  body: Outflow | null;
  /** Lets go of what would have ended it early. */
  release: () => void;
  /** @returns whether it is over. @throws SottoError for what does not decode. */
  take(part: Part): boolean;
  /** Nothing will come any more. */
  fail(error: unknown): void;
}

/** One answer. */
export class Asked implements Call {
  readonly answer: Promise<unknown>;
  body: Outflow | null = null;
  release: () => void = () => {};
  readonly #settled = Promise.withResolvers<unknown>();

  constructor() {
    this.answer = this.#settled.promise;
    this.answer.catch(() => {}); // it may be given up before anybody waits
  }

  take(part: Part): boolean {
    if (part.kind === 'data') this.#settle(part.content);
    else if (part.kind === 'error') this.fail(failureIn(part.content));
    else this.fail(new SottoError('invalid_message', 'The answer is a stream; ask for it with stream().'));
    return true;
  }

  fail(error: unknown): void {
    this.#settled.reject(error);
  }

  #settle(content: Bytes): void {
    const { status, representation, body } = decodeRoutedReply(content);
    if (status === 0) this.#settled.resolve(decodeSoon(body, representation));
    else this.#settled.reject(errorOfStatus(status, String(decodeBody(body, 't'))));
  }
}

/** Many answers; one alone is a stream of one. */
export class Streamed implements Call {
  readonly values: Inflow<unknown>;
  body: Outflow | null = null;
  release: () => void = () => {};

  constructor(values: Inflow<unknown>) {
    this.values = values;
  }

  take(part: Part): boolean {
    if (part.kind === 'item') {
      this.values.push(itemIn(part.content), costOfItem(part.content));
      return false;
    }
    if (part.kind === 'end') this.values.finish();
    else if (part.kind === 'error') this.values.finish(failureIn(part.content));
    else this.#takeOne(part.content);
    return true;
  }

  fail(error: unknown): void {
    this.values.finish(error);
  }

  #takeOne(content: Bytes): void {
    const { status, representation, body } = decodeRoutedReply(content);
    if (status !== 0) return this.values.finish(errorOfStatus(status, String(decodeBody(body, 't'))));
    this.values.push(decodeSoon(body, representation));
    this.values.finish();
  }
}

/** The value, or a promise of it. @throws SottoError `unsupported_representation`, `invalid_body`. */
export function itemIn(content: Bytes): unknown {
  const representation: Representation = representationFromByte(content[0] ?? 0);
  return decodeSoon(content.subarray(1), representation);
}

/** @throws SottoError `out_of_bounds`, `invalid_text`. */
export function failureIn(content: Bytes): StatusError {
  const { status, why } = decodeFailure(content);
  return errorOfStatus(status, why);
}
