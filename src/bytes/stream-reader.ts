import { SottoError } from '../errors.ts';
import { type Bytes, concatAll, EMPTY } from './bytes.ts';
import { decodeUtf8 } from './text.ts';

/** Reads big-endian fields from chunks as they come, front to back, keeping no more than the field at hand. */
export class StreamReader {
  readonly #chunks: AsyncIterator<Bytes>;
  #chunk: Bytes = EMPTY;
  #hasEnded = false;

  constructor(source: AsyncIterable<Bytes>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async u8(): Promise<number> {
    return Number(await this.#uint(1));
  }

  async u16(): Promise<number> {
    return Number(await this.#uint(2));
  }

  async u32(): Promise<number> {
    return Number(await this.#uint(4));
  }

  u64(): Promise<bigint> {
    return this.#uint(8);
  }

  /** @throws SottoError `out_of_bounds` where the chunks end before. */
  async bytes(length: number): Promise<Bytes> {
    const parts: Bytes[] = [];
    for (let missing = length; missing > 0; ) {
      if (!(await this.#fill())) {
        throw new SottoError(
          'out_of_bounds',
          `${length} bytes are needed where ${length - missing} are left.`,
        );
      }
      const part = this.#chunk.subarray(0, missing);
      this.#chunk = this.#chunk.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    const [only = EMPTY] = parts;
    return parts.length > 1 ? concatAll(parts) : only;
  }

  /** `length` bytes of strict UTF-8. */
  async text(length: number): Promise<string> {
    return decodeUtf8(await this.bytes(length));
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#fill());
  }

  /** All that is left, in chunks as they come. */
  async *rest(): AsyncGenerator<Bytes, void, void> {
    while (await this.#fill()) {
      const chunk = this.#chunk;
      this.#chunk = EMPTY;
      yield chunk;
    }
  }

  async #uint(size: number): Promise<bigint> {
    return (await this.bytes(size)).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** Whether there is another byte. */
  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0 && !this.#hasEnded) {
      const { value, done } = await this.#chunks.next();
      if (done) this.#hasEnded = true;
      else this.#chunk = value;
    }
    return this.#chunk.length > 0;
  }
}
