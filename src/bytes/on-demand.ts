/** A part of a program that comes when it is first needed: in pages, where every byte is waited for. */

import { messageOf, SottoError } from '../errors.ts';

export class OnDemand<Part> {
  readonly #name: string;
  readonly #hint: string;
  readonly #fetch: () => Promise<Part>;
  #part: Part | null = null;
  #loading: Promise<void> | null = null;

  /**
   * @param name what it is, as a sentence begins: "CBOR".
   * @param hint what loads it, for whoever needs it at once.
   */
  constructor(name: string, hint: string, fetch: () => Promise<Part>) {
    this.#name = name;
    this.#hint = hint;
    this.#fetch = fetch;
  }

  get isLoaded(): boolean {
    return this.#part !== null;
  }

  /** @throws SottoError `unsupported_platform` before it is loaded. */
  get part(): Part {
    if (this.#part !== null) return this.#part;
    throw new SottoError('unsupported_platform', `${this.#name} is not loaded; await ${this.#hint} first.`);
  }

  /** Resolves when it is there; null where it is already. @throws SottoError `unreachable`; the next call tries again. */
  load(): Promise<void> | null {
    if (this.#part !== null) return null;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    try {
      this.#part = await this.#fetch();
    } catch (cause) {
      throw new SottoError('unreachable', `${this.#name} cannot be loaded: ${messageOf(cause)}`, { cause });
    }
  }
}
