/** One connection at a time, kept while what it was made for is the same. */

import { SottoError } from '../../errors.ts';

export class Kept<To, Connection extends { close(): Promise<void> }> {
  readonly #connect: (to: To) => Promise<Connection>;
  #current: { readonly to: To; readonly connection: Promise<Connection> } | null = null;
  #isClosed = false;

  constructor(connect: (to: To) => Promise<Connection>) {
    this.#connect = connect;
  }

  /** @throws what connecting throws, and tries again at the next call; SottoError `unavailable` once closed. */
  async connectionTo(to: To): Promise<Connection> {
    if (this.#isClosed) throw new SottoError('unavailable', 'This bridge was closed.');
    if (this.#current?.to !== to) {
      void this.#hangUp();
      this.#current = { to, connection: this.#connect(to) };
    }
    const { connection } = this.#current;
    try {
      return await connection;
    } catch (error) {
      if (this.#current?.connection === connection) this.#current = null;
      throw error;
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#hangUp();
  }

  async #hangUp(): Promise<void> {
    const left = this.#current;
    this.#current = null;
    const connection = await left?.connection.catch(() => null);
    await connection?.close().catch(() => {}); // its other end may be gone
  }
}
