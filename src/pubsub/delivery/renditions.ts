/** One message as connections take it: compressed once for all that compress alike. */

import type { Bytes } from '../../bytes/bytes.ts';
import { type Compressor, FIRST_TRAINED } from '../compression/compressors.ts';
import { compressMessage } from '../compression/messages.ts';
import type { HashedMessage } from './message.ts';
import type { MessageBody } from './poster.ts';

/** A message as it is transferred. */
export interface Rendition {
  readonly compressor: bigint;
  readonly body: MessageBody;
  /** Of that body. */
  readonly sha512: Bytes;
  /** To be called once it was sent, where it is this receiver's alone. */
  readonly remove?: () => Promise<void>;
}

export class Renditions {
  readonly #plain: Rendition;
  readonly #inMemory: number;
  readonly #shared = new Map<bigint, HashedMessage | Promise<HashedMessage>>();

  /** @param inMemory longer ones go to disk, bytes. */
  constructor(body: MessageBody, sha512: Bytes, inMemory: number) {
    this.#plain = { compressor: 0n, body, sha512 };
    this.#inMemory = inMemory;
  }

  /** @param compressor null for the message as it is. */
  by(compressor: Compressor | null): Rendition | Promise<Rendition> {
    if (!compressor) return this.#plain;
    const { id } = compressor;
    const compressed = id < FIRST_TRAINED ? this.#sharedBy(compressor) : this.#compress(compressor);
    const rendition = ({ body, sha512 }: HashedMessage): Rendition =>
      id < FIRST_TRAINED
        ? { compressor: id, body, sha512 }
        : { compressor: id, body, sha512, remove: () => body.remove() };
    return compressed instanceof Promise ? compressed.then(rendition) : rendition(compressed);
  }

  /** Once everybody has it. */
  async remove(): Promise<void> {
    const made = await Promise.allSettled(this.#shared.values());
    await Promise.all(made.map((each) => (each.status === 'fulfilled' ? each.value.body.remove() : null)));
  }

  #sharedBy(compressor: Compressor): HashedMessage | Promise<HashedMessage> {
    const known = this.#shared.get(compressor.id);
    if (known) return known;
    const made = this.#compress(compressor);
    this.#shared.set(compressor.id, made);
    return made;
  }

  #compress(compressor: Compressor): HashedMessage | Promise<HashedMessage> {
    return compressMessage(this.#plain.body, compressor, this.#inMemory);
  }
}
