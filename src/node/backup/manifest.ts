/**
 * What lies in a backup: a tar archive with `manifest.json` first, and then each file that it lists.
 *
 * ```text
 * data/…        the data folder
 * beside/…      files that the config names, and itself, by their way from the folder that the node runs in
 * elsewhere/…   those outside that folder, by their way from the root
 * ```
 */

import { z } from 'zod';
import { messageOf, SottoError } from '../../errors.ts';

export const MANIFEST = 'manifest.json';
/** Rises when an older Sotto could no longer restore it. */
const VERSION = 1;
export const PLACES = ['data', 'beside', 'elsewhere'] as const;
export type Place = (typeof PLACES)[number];

export interface Manifest {
  readonly sotto: 'backup';
  readonly version: number;
  /** The version of Sotto that made it. */
  readonly madeBy: string;
  /** ISO 8601. */
  readonly madeAt: string;
  /** Of the data folder; see data-folder.ts. */
  readonly layout: number;
  /** The data folder, as the config names it. */
  readonly data: string;
  readonly files: readonly BackupFile[];
}

export interface BackupFile {
  /** In the archive. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** Hex. */
  readonly sha256: string;
}

const Schema: z.ZodType<Manifest> = z.strictObject({
  sotto: z.literal('backup'),
  version: z.int(),
  madeBy: z.string(),
  madeAt: z.iso.datetime(),
  layout: z.int(),
  data: z.string().min(1),
  files: z.array(
    z.strictObject({
      path: z.string().refine((path) => placeOf(path) !== null),
      size: z.int().nonnegative(),
      mode: z.int().min(0).max(0o777),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

export function encodeManifest(made: Omit<Manifest, 'sotto' | 'version'>): string {
  return `${JSON.stringify({ sotto: 'backup', version: VERSION, ...made }, null, 1)}\n`;
}

/** @throws SottoError `file_invalid`. */
export function decodeManifest(text: string, archive: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SottoError('file_invalid', `The manifest of ${archive} is not JSON: ${messageOf(cause)}.`, {
      cause,
    });
  }
  const parsed = Schema.safeParse(value);
  if (!parsed.success)
    throw new SottoError('file_invalid', `The manifest of ${archive} is none of a backup.`);
  const { version, madeBy } = parsed.data;
  if (version <= VERSION) return parsed.data;
  throw new SottoError(
    'file_invalid',
    `${archive} was made by Sotto ${madeBy}; restore it with that version.`,
  );
}

/** Where a file of an archive belongs, and its way from there; null for a path that leads out of it, or nowhere. */
export function placeOf(path: string): { readonly place: Place; readonly rest: string } | null {
  const [first, ...parts] = path.split('/');
  const place = PLACES.find((each) => each === first);
  const isInside = parts.length > 0 && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  return place && isInside && !/[\\\0]/.test(path) ? { place, rest: parts.join('/') } : null;
}
