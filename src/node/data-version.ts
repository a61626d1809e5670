/**
 * `version.json` in the data folder says which Sotto has used it last, so that an older one does not misread what a newer
 * one has written:
 *
 * ```json
 * { "sotto": "0.1.0", "layout": 1 }
 * ```
 */

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeUtf8 } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import { files, hasCode } from '../platform/node/files.ts';

/** Rises when an older Sotto could no longer read the folder. */
export const LAYOUT = 1;
const STAMP_FILE = 'version.json';

export interface DataStamp {
  /** The version of Sotto that used the folder last. */
  readonly sotto: string;
  readonly layout: number;
}

/**
 * Who used the folder last; null where nobody has said so.
 *
 * @throws SottoError `file_invalid` for a file that says something else.
 */
export async function readStamp(folder: string): Promise<DataStamp | null> {
  const path = join(folder, STAMP_FILE);
  try {
    const { sotto, layout } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    if (typeof sotto === 'string' && Number.isSafeInteger(layout)) return { sotto, layout: Number(layout) };
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw new SottoError('file_invalid', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  throw new SottoError(
    'file_invalid',
    `${path} does not say which Sotto wrote it: delete it if nobody else has.`,
  );
}

/**
 * Says that this version uses the folder now; nothing of a folder that is not there.
 *
 * @throws SottoError `file_invalid` where a newer Sotto has used it in a way that this one cannot read.
 */
export async function stampDataFolder(folder: string, sotto: string): Promise<void> {
  const last = await readStamp(folder);
  if (last && last.layout > LAYOUT) throw new SottoError('file_invalid', tooNew(folder, last, sotto));
  const isSaid = last?.sotto === sotto && last.layout === LAYOUT;
  if (isSaid || !(await stat(folder).catch(() => null))?.isDirectory()) return;
  const content = encodeUtf8(`${JSON.stringify({ sotto, layout: LAYOUT })}\n`);
  await files.writePrivate(join(folder, STAMP_FILE), content, { overwrite: true });
}

export function tooNew(folder: string, last: DataStamp, sotto: string): string {
  return (
    `${folder} was last used by Sotto ${last.sotto}, in a way that this version (${sotto}) cannot read: ` +
    'install that version, or restore a backup of before.'
  );
}
