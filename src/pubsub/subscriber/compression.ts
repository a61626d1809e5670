/**
 * How one connection's messages are compressed, as its broadcaster says.
 *
 * Source: specs/lonelyps.md, section 8.
 */

import { sha512Of } from '#sha512';
import { zstd } from '#zstd';
import { type Bytes, sameBytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import { Compressors, FIRST_TRAINED, PLAIN } from '../compression/compressors.ts';
import { compressMessage, unpackMessage } from '../compression/messages.ts';
import type { CollectedMessage, HashedMessage } from '../delivery/message.ts';
import type { MessageBody } from '../delivery/poster.ts';
import type { Rendition } from '../delivery/renditions.ts';
import type { Change, MessageCompression } from './message-compression.ts';

/** What a subscriber asks a broadcaster for. */
export interface SubscriberCompression {
  /** Whether the broadcaster may train dictionaries on what goes over the connection. Default false. */
  readonly training?: boolean;
  /** Dictionaries that the broadcaster has too, by their numbers (2 to 65535). Default none. */
  readonly presets?: ReadonlyMap<number, Bytes>;
  /** The number of the one to begin with. Default none. */
  readonly initial?: number;
}

export class ConnectionCompression implements MessageCompression {
  readonly #options: SubscriberCompression | null;
  readonly #compressors = new Compressors('smallest-minimum');

  /** @param options null for none. */
  constructor(options: SubscriberCompression | null) {
    this.#options = zstd.available ? options : null;
  }

  /** What CONFIGURE says. */
  get wanted(): { enableZstd: boolean; enableTraining: boolean; initialDictionary: number } {
    const { training = false, initial = 0 } = this.#options ?? {};
    return { enableZstd: this.#options !== null, enableTraining: training, initialDictionary: initial };
  }

  /** @throws SottoError `invalid_message` for what was not asked for, or cannot be. */
  change(change: Change): void {
    const { compressor: id } = change;
    if (change.type === 'enable-zstd-preset' && id === 0n) return; // means nothing, by the specification
    if (!this.#options) throw invalid('it was not asked for');
    if (change.type === 'disable-zstd-custom') return this.#compressors.disable(id);
    const { level, minSize, maxSize } = change;
    const dictionary = change.type === 'enable-zstd-preset' ? this.#preset(id) : this.#custom(change);
    this.#compressors.enable({ id, level, minSize, maxSize, dictionary });
  }

  /** What a notification is sent as; at once where it is short. */
  pack(body: MessageBody, sha512: Bytes, inMemory: number): Rendition | Promise<Rendition> {
    const compressor = this.#compressors.choose(body.length);
    if (!compressor) return { compressor: 0n, body, sha512 };
    const rendition = (packed: HashedMessage): Rendition => ({
      compressor: compressor.id,
      ...packed,
      remove: () => packed.body.remove(),
    });
    const packed = compressMessage(body, compressor, inMemory);
    return packed instanceof Promise ? packed.then(rendition) : rendition(packed);
  }

  /** The message as it was. @throws SottoError `invalid_message`, `file_unwritable`. */
  async unpack(
    body: CollectedMessage,
    packed: { readonly compressor: bigint; readonly decompressedLength: bigint },
    inMemory: number,
  ): Promise<CollectedMessage> {
    if (packed.compressor === 0n) return body;
    return (await unpackMessage(body, packed, this.#compressors, inMemory)).body;
  }

  #preset(id: bigint): Bytes | null {
    if (id === PLAIN) return null;
    const dictionary = this.#options?.presets?.get(Number(id));
    if (dictionary && id < FIRST_TRAINED) return dictionary;
    throw invalid(`its dictionary ${id} is not known here`);
  }

  #custom({ compressor, sha512, body }: Change & { type: 'enable-zstd-custom' }): Bytes {
    if (!this.#options?.training) throw invalid('training was not asked for');
    if (compressor < FIRST_TRAINED) throw invalid(`${compressor} is no trained dictionary`);
    if (sameBytes(sha512Of(body), sha512)) return body;
    throw invalid('a dictionary is not the one that its hash says');
  }
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `Compression cannot go on: ${why}.`);
}
