/**
 * `console.key`: what whoever runs the node shares with it, so that `sotto console` can make a link without asking it.
 * Private: who can read it can come in.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { primitives } from '#crypto';
import { files } from '#files';
import type { Bytes } from '../../bytes/bytes.ts';
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { codeOf, SottoError } from '../../errors.ts';

export interface ConsoleSecrets {
  /** Where the console is, such as `http://127.0.0.1:7300`. */
  readonly address: string;
  /** Signs cookies. */
  readonly pages: Bytes;
  /** Signs links; new with each start, so that no link of before is good a second time. */
  readonly links: Bytes;
}

const SIZE = 32;
const secret = z.string().regex(/^[0-9a-f]{64}$/);
const Content = z.strictObject({
  sotto: z.literal('console'),
  version: z.literal(1),
  address: z.httpUrl().or(z.url()),
  pages: secret,
  links: secret,
});

export function secretsFileIn(data: string): string {
  return join(data, 'console.key');
}

export function newSecret(): Bytes {
  return primitives.randomBytes(SIZE);
}

/**
 * Null where there is no file yet.
 *
 * @throws SottoError `key_file_exposed` (others can read or write it), `key_file_invalid`.
 */
export async function findSecrets(file: string): Promise<ConsoleSecrets | null> {
  const content = await files.readPrivate(file).catch((error: unknown) => {
    if (codeOf(error) === 'key_file_missing') return null;
    throw error;
  });
  if (content === null) return null;
  const { address, pages, links } = parse(file, decodeUtf8(content));
  return { address, pages: decodeHex(pages), links: decodeHex(links) };
}

/** Mode 0600, whole or not at all. @throws SottoError `key_file_invalid`. */
export async function writeSecrets(file: string, { address, pages, links }: ConsoleSecrets): Promise<void> {
  const content: z.infer<typeof Content> = {
    ...({ sotto: 'console', version: 1, address } as const),
    ...{ pages: encodeHex(pages), links: encodeHex(links) },
  };
  await files.writePrivate(file, encodeUtf8(`${JSON.stringify(content, null, 2)}\n`), { overwrite: true });
}

function parse(file: string, text: string): z.infer<typeof Content> {
  try {
    return Content.parse(JSON.parse(text));
  } catch {
    // Without the cause, whose text may repeat a piece of a secret.
    const why = 'it is not what a node wrote there; delete it, and start the node anew';
    throw new SottoError('key_file_invalid', `${file} cannot be used: ${why}.`);
  }
}
