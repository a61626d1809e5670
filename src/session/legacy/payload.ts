import { lz4 } from '#lz4';
import { assertNumber } from '../../bytes/assert.ts';
import { rc4 } from '../../platform/rc4.ts';
import {
  openSickserv,
  type SickservCodecs,
  type SickservDialect,
  type SickservHabits,
  type SickservPayload,
  type SickservVersion,
  sealSickserv,
  sickservHabits,
} from '../../wire/sickserv.ts';
import { type LegacyOptions, warnOfSickserv } from './warning.ts';

/** The longest JSON of a payload that is taken, unless told otherwise, bytes. */
const MAX_PAYLOAD = 1024 * 1024;

export const codecs: SickservCodecs = { rc4, compress: lz4.compress, decompress: lz4.decompress };

/** How payloads are made and read. */
export interface PayloadOptions extends Pick<LegacyOptions, 'legacy'> {
  /** `lz4` as 0.0.1 to 0.0.5 speak, `plain` as all later ones; the wire does not say which. */
  readonly dialect: SickservDialect;
  /**
   * Does just as this version does: what it takes, and what values come back as. Default: what the last version of the
   * dialect takes, and a value comes back as text where it is UTF-8, else as bytes.
   */
  readonly version?: SickservVersion;
  /** The longest JSON of a payload, bytes; bounds what LZ4 may expand to. Default 1 MiB. */
  readonly maxPayload?: number;
}

/** Payloads of one dialect under any key. */
export class PayloadFormat {
  readonly habits: SickservHabits;
  readonly maxPayload: number;

  /** @throws SottoError `invalid_option`. */
  constructor({ dialect, version, maxPayload = MAX_PAYLOAD }: PayloadOptions) {
    assertNumber(maxPayload, 'maxPayload', 2);
    this.habits = sickservHabits(dialect, version);
    this.maxPayload = maxPayload;
  }

  /** @throws as {@link processPayload} does. */
  seal(payload: unknown, key: string): string {
    return sealSickserv(payload, key, this.habits, codecs);
  }

  /** @throws as {@link unprocessPayload} does. */
  open(wire: string, key: string): SickservPayload {
    return openSickserv(wire, key, this.habits, codecs, this.maxPayload);
  }
}

/**
 * What sickserv's `process_payload` makes; unlike it, leaves the payload as it is.
 *
 * @param key not empty; code points modulo 256, of which the first 256 count.
 * @param payload names, and text, bytes, or (plain dialect) objects and lists of text or bytes. A Map keeps its order,
 * which an object does not where names are whole numbers.
 * @returns upper-case hexadecimal digits.
 * @throws SottoError `invalid_argument` for what is no object, `invalid_body` for a value that cannot be sent,
 * `invalid_key`, `invalid_option`, `unsupported_platform` (LZ4 in a browser). Source: specs/sickserv.md, sections 2, 3.
 *
 * @example
 * ```ts
 * import { processPayload, unprocessPayload } from 'sotto/session/sickserv';
 * const wire = processPayload('yellow-submarine', { 'Look Mom': 'No Hands!' }, { dialect: 'plain' });
 * console.log(wire, unprocessPayload('yellow-submarine', wire, { dialect: 'plain' }));
 * ```
 */
export function processPayload(
  key: string,
  payload: SickservPayload | ReadonlyMap<string | number, unknown>,
  options: PayloadOptions,
): string {
  warnOfSickserv(options);
  return new PayloadFormat(options).seal(payload, key);
}

/**
 * What sickserv's `unprocess_payload` makes.
 *
 * @param text hexadecimal digits, of either case.
 * @throws SottoError `invalid_text` for what is not hex, `decrypt_failed` under most other keys, `invalid_message` for
 * what is no payload in the end, `invalid_body` for a value that cannot be read, `frame_too_large`, `invalid_key`,
 * `invalid_option`, `unsupported_platform`. None of them tells an altered message from a true one.
 */
export function unprocessPayload(key: string, text: string, options: PayloadOptions): SickservPayload {
  warnOfSickserv(options);
  return new PayloadFormat(options).open(text, key);
}
