/** Messages of a server's clients, each under the key of its client. */

import type { Bytes } from '../../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import type { SickservPayload } from '../../wire/sickserv.ts';
import type { Sendable } from './handler.ts';
import { KeyTable, type KeyTableOptions, newKeyFor } from './keys.ts';
import type { PayloadFormat } from './payload.ts';

/** A message that has opened. */
export interface Opened {
  readonly payload: SickservPayload;
  /** What it was under, and its answer must be. */
  readonly key: string;
}

export class SealedMessages {
  readonly #format: PayloadFormat;
  readonly #keys: KeyTable;

  constructor(format: PayloadFormat, options: KeyTableOptions) {
    this.#format = format;
    this.#keys = new KeyTable(options);
  }

  /** @throws SottoError for what opens under no key of this client. */
  open(message: Bytes, sysid: string): Opened {
    const wire = decodeUtf8(message);
    let refused: unknown;
    for (const key of this.#keys.keysOf(sysid)) {
      try {
        const payload = this.#format.open(wire, key);
        this.#keys.heard(sysid, key);
        return { payload, key };
      } catch (error) {
        refused ??= error;
      }
    }
    throw refused;
  }

  /** @throws SottoError `invalid_argument`, `invalid_body`. */
  answer(payload: Sendable, { key }: Opened): Bytes {
    return encodeUtf8(this.#format.seal(payload, key));
  }

  /** Not for an answer: under the key that the client should have by now. */
  message(payload: Sendable, sysid: string): Bytes {
    return encodeUtf8(this.#format.seal(payload, this.#keys.keyOf(sysid)));
  }

  /**
   * Gives the client a new key, and says which.
   *
   * @throws SottoError `invalid_body`, `unavailable`.
   */
  rekey(request: Opened, sysid: string): SickservPayload {
    const key = newKeyFor(request.payload);
    this.#keys.change(sysid, key, request.key);
    return { key };
  }
}
