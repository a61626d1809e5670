/**
 * An archive sealed under a passphrase.
 *
 * ```text
 * offset   size  field
 * 0        16    "sotto-backup/1\n\n"
 * 16       2     length of the header, big-endian
 * 18       n     header: JSON, {"kdf":{"name":"scrypt","N":…,"r":…,"p":…,"salt":"hex"}}
 *                records of at most 64 KiB of the archive, as envelope/records.ts has them
 * ```
 *
 * The salt makes the key one of this file alone. A file cut short between two records shows by the archive's own end.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { StreamReader } from '../../bytes/stream-reader.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import { Writer } from '../../bytes/writer.ts';
import { RecordOpener, RecordSealer, TAG_SIZE } from '../../envelope/records.ts';
import { codeOf, SottoError } from '../../errors.ts';
import { newPassphraseKdf, passphraseKey, readPassphraseKdf } from '../../keys/passphrase.ts';
import { files } from '../../platform/node/files.ts';
import type { ScryptCost } from '../../platform/types.ts';

const MAGIC = encodeUtf8('sotto-backup/1\n\n');
const MAX_HEADER = 4096;
const MAX_RECORD = 64 * 1024;

/** For a pipeline: an archive in, a sealed one out. */
export async function* seal(
  archive: AsyncIterable<Bytes>,
  passphrase: string,
  cost?: ScryptCost,
): AsyncGenerator<Bytes> {
  const kdf = newPassphraseKdf(cost);
  const header = encodeUtf8(JSON.stringify({ kdf }));
  yield MAGIC;
  yield new Writer(2).u16(header.length).finish();
  yield header;
  const sealer = new RecordSealer(await passphraseKey(passphrase, kdf, invalid));
  for await (const chunk of archive) {
    for (let start = 0; start < chunk.length; start += MAX_RECORD) {
      yield* sealer.seal([chunk.subarray(start, start + MAX_RECORD)]);
    }
  }
}

/**
 * For a pipeline: a file in, the archive out, which is the file itself where that is not sealed and no passphrase is given.
 *
 * @throws SottoError `passphrase_required`, `wrong_passphrase`, `file_invalid`.
 */
export async function* open(file: AsyncIterable<Bytes>, passphrase: string | null): AsyncGenerator<Bytes> {
  const reader = new StreamReader(file);
  const start = await orInvalid(reader.bytes(MAGIC.length));
  if (!start.every((byte, index) => byte === MAGIC[index])) {
    // Whoever expects a seal is not to be given what anybody could have made.
    if (passphrase !== null) throw invalid('it is not sealed, though a passphrase was given for it');
    yield start;
    yield* reader.rest();
    return;
  }
  if (passphrase === null) {
    throw new SottoError(
      'passphrase_required',
      'This backup is sealed: give its passphrase by --passphrase-file FILE.',
    );
  }
  const key = await passphraseKey(passphrase, readPassphraseKdf(await readKdf(reader), invalid), invalid);
  const opener = new RecordOpener(key);
  for (let isFirst = true; !(await reader.isAtEnd()); isFirst = false) {
    const length = await orInvalid(reader.u32());
    if (length > MAX_RECORD + TAG_SIZE) throw invalid('a record of it is too long');
    const record = await orInvalid(reader.bytes(length));
    yield opened(opener, record, isFirst);
  }
}

/**
 * The text of a file that is its owner's alone, without the line's end.
 *
 * @throws SottoError `key_file_exposed`, `key_file_missing`, `invalid_argument` for an empty one.
 */
export async function readPassphraseFile(path: string): Promise<string> {
  const content = await files.readPrivate(path).catch((cause: unknown) => {
    if (codeOf(cause) !== 'key_file_missing') throw cause;
    const text = `${path} does not exist; make it with: (umask 077; openssl rand -base64 24 > ${path})`;
    throw new SottoError('key_file_missing', text, { cause });
  });
  const passphrase = decodeUtf8(content).replace(/\r?\n$/, '');
  if (passphrase !== '') return passphrase;
  throw new SottoError('invalid_argument', `${path} is empty; it should hold the passphrase.`);
}

async function readKdf(reader: StreamReader): Promise<unknown> {
  const length = await orInvalid(reader.u16());
  if (length > MAX_HEADER) throw invalid('its header is too long');
  try {
    return (JSON.parse(await reader.text(length)) as { kdf?: unknown }).kdf;
  } catch (cause) {
    throw invalid('its header is not JSON', cause);
  }
}

function opened(opener: RecordOpener, record: Bytes, isFirst: boolean): Bytes {
  try {
    return opener.open(record);
  } catch (cause) {
    if (!isFirst) throw invalid('a part of it was altered', cause);
    throw new SottoError(
      'wrong_passphrase',
      'The passphrase does not open this backup (or it was altered).',
      { cause },
    );
  }
}

async function orInvalid<T>(read: Promise<T>): Promise<T> {
  return read.catch((cause: unknown) => {
    throw codeOf(cause) === 'out_of_bounds' ? invalid('it is cut short', cause) : cause;
  });
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('file_invalid', `This backup cannot be used: ${why}.`, { cause });
}
