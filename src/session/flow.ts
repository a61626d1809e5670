/** Streams of many values: taken no faster than they are used, sent no faster than they are asked for. */

import { StatusError } from '../errors.ts';

/** Items that may be on their way before any was asked for. */
const FIRST_CREDIT = 32;

/** The receiving end: what comes, for whoever iterates; once. */
export class Inflow<Value> implements AsyncIterableIterator<Value, void, void> {
  readonly #onCredit: (items: number) => void;
  readonly #onLeft: () => void;
  readonly #values: Value[] = [];
  #allowed = FIRST_CREDIT;
  #used = 0;
  #end: { readonly error: unknown } | null = null;
  #waiting: PromiseWithResolvers<void> | null = null;

  /**
   * @param onCredit so many more may be sent.
   * @param onLeft whoever iterates wants no more, before the end.
   */
  constructor(onCredit: (items: number) => void, onLeft: () => void) {
    this.#onCredit = onCredit;
    this.#onLeft = onLeft;
  }

  /** @throws StatusError 413 for more than was asked for. */
  push(value: Value): void {
    if (this.#end) return;
    if (this.#allowed === 0) throw new StatusError(413, 'More items came than were asked for.');
    this.#allowed -= 1;
    this.#values.push(value);
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
    const [value] = this.#values;
    if (this.#values.length > 0) {
      this.#values.shift();
      this.#use();
      return { done: false, value: value as Value };
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
  #use(): void {
    this.#used += 1;
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

  /** So many more may be sent. */
  allow(items: number): void {
    this.#credit += items;
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
   * @returns whether all were; false after `stop`.
   * @throws what the iterable throws, or `send`.
   */
  async run(send: (value: unknown) => Promise<void>): Promise<boolean> {
    for (;;) {
      while (this.#credit === 0 && !this.#stopped) {
        this.#more ??= Promise.withResolvers();
        await this.#more.promise;
      }
      if (this.#stopped) return false;
      const { done, value } = await this.#iterator.next();
      if (this.#stopped) return false;
      if (done) return true;
      this.#credit -= 1;
      await send(value);
    }
  }

  #wake(): void {
    this.#more?.resolve();
    this.#more = null;
  }
}
