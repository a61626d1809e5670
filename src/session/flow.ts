/** Streams of many values: taken no faster than they are used, sent no faster than they are asked for. */

import { StatusError } from '../errors.ts';
import { FIRST_CREDIT } from '../wire/session.ts';

/** The receiving end: what comes, for whoever iterates; once. */
export class Inflow<Value> implements AsyncIterableIterator<Value, void, void> {
  readonly #onCredit: (credit: number) => void;
  readonly #onLeft: () => void;
  readonly #values: { readonly value: Value | Promise<Value>; readonly cost: number }[] = [];
  #allowed = FIRST_CREDIT;
  #used = 0;
  #end: { readonly error: unknown } | null = null;
  #waiting: PromiseWithResolvers<void> | null = null;

  /**
   * @param onCredit so many more may be sent.
   * @param onLeft whoever iterates wants no more, before the end.
   */
  constructor(onCredit: (credit: number) => void, onLeft: () => void) {
    this.#onCredit = onCredit;
    this.#onLeft = onLeft;
  }

  /**
   * @param value or a promise of it; it is waited for by whoever takes it.
   * @param cost what it takes of the credit.
   * @throws StatusError 413 for more than was asked for.
   */
  push(value: Value | Promise<Value>, cost: number = 1): void {
    if (this.#end) return;
    if (this.#allowed <= 0) throw new StatusError(413, 'More items came than were asked for.');
    this.#allowed -= cost;
    this.#values.push({ value, cost });
    this.#wake();
  }

  /** No more will come; with an error, which whoever iterates gets after what came before. */
  finish(error: unknown = null): void {
    this.#end ??= { error };
    this.#wake();
  }

  async next(): Promise<IteratorResult<Value, void>> {
    while (this.#values.length === 0 && !this.#end) {
      this.#waiting ??= Promise.withResolvers();
      await this.#waiting.promise;
    }
    const next = this.#values.shift();
    if (next) {
      this.#use(next.cost);
      const { value } = next;
      return { done: false, value: value instanceof Promise ? await value : value };
    }
    const error = this.#end?.error ?? null;
    this.#end = { error: null };
    if (error !== null) throw error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Value, void>> {
    if (!this.#end) this.#onLeft();
    this.#end = { error: null };
    this.#values.length = 0;
    this.#wake();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** In halves, so that not each item costs a message. */
  #use(cost: number): void {
    this.#used += cost;
    if (this.#end || this.#used < FIRST_CREDIT / 2) return;
    this.#allowed += this.#used;
    this.#onCredit(this.#used);
    this.#used = 0;
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = null;
  }
}

/** The sending end of an iterable. */
export class Outflow {
  readonly #iterator: AsyncIterator<unknown>;
  #credit = FIRST_CREDIT;
  #stopped = false;
  #more: PromiseWithResolvers<void> | null = null;

  constructor(values: AsyncIterable<unknown>) {
    this.#iterator = values[Symbol.asyncIterator]();
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** So many more may be sent. */
  allow(credit: number): void {
    this.#credit += credit;
    this.#wake();
  }

  /** Nobody wants more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake();
    // The iterator may be waiting for what never comes; its end is nobody's concern here.
    void Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }

  /**
   * Gives each value on, as many as are allowed, and one after the other.
   *
   * @param send tells what the value took of the credit.
   * @returns whether all were; false after `stop`.
   * @throws what the iterable throws, or `send`.
   */
  async run(send: (value: unknown) => Promise<number>): Promise<boolean> {
    for (;;) {
      while (this.#credit <= 0 && !this.#stopped) {
        this.#more ??= Promise.withResolvers();
        await this.#more.promise;
      }
      if (this.#stopped) return false;
      const { done, value } = await this.#iterator.next();
      if (this.#stopped) return false;
      if (done) return true;
      const cost = await send(value);
      this.#credit -= cost; // apart, for credit may have come meanwhile
    }
  }

  #wake(): void {
    this.#more?.resolve();
    this.#more = null;
  }
}
