/** Keys: the node's own and those before it, and others that were made for somebody. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'uqr';
import { z } from 'zod';
import { files } from '#files';
import { decodeUtf8 } from '../../bytes/text.ts';
import { codeOf, messageOf, SottoError } from '../../errors.ts';
import { Identity } from '../../keys/identity.ts';
import { previousFileOf } from '../../keys/previous-keys.ts';
import { PublicKey } from '../../keys/public-key.ts';
import { hasCode } from '../../platform/node/error-code.ts';
import type { KeysView, KeyView } from '../contract.ts';
import type { ConsoleNode, KeyRing } from '../options.ts';
import type { Panel } from './desk.ts';
import { bodyOf } from './input.ts';

const DAY = 86_400_000;
const MOST_SHOWN = 200;
const ENDING = '.key';

/** A name, never a path: neither dots nor slashes, and the same on disks that do not tell A from a. */
const Name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'a name is made of small letters, digits, - and _, 64 at the most');
const Made = z.strictObject({ name: Name });
const Rotation = z.strictObject({ overlapDays: z.number().min(0).max(3650) });

export const keysPanel: Panel = (app, { node, options: { keys }, hub }) => {
  app.get('/api/keys', async (c) => c.json(await keysView(node, keys)));
  app.post('/api/keys', async (c) => {
    const { name } = await bodyOf(c, Made);
    await makeKey(folderOf(node), name);
    hub.changed('keys');
    return c.body(null, 204);
  });
  app.post('/api/keys/rotate', async (c) => {
    const { overlapDays } = await bodyOf(c, Rotation);
    await keys.rotate(overlapDays * DAY);
    hub.changed('keys', 'node', 'peers');
    return c.body(null, 204);
  });
};

async function keysView(node: ConsoleNode, ring: KeyRing): Promise<KeysView> {
  const own = ring.list().map(({ publicKey, until }, index): KeyView => {
    const { identity: file } = node.config;
    if (index === 0) return { ...view('node', file, publicKey), role: 'node', until };
    return { ...view('node, before', previousFileOf(file), publicKey), role: 'previous', until };
  });
  const { keys, unusable } = await readFolder(folderOf(node));
  return { keys: [...own, ...keys], unusable };
}

function folderOf({ config }: ConsoleNode): string {
  return join(config.data, 'keys');
}

/** @throws SottoError `key_file_exists`, `key_file_invalid`. */
async function makeKey(folder: string, name: string): Promise<void> {
  const names = await namesIn(folder);
  if (names.length >= MOST_SHOWN)
    throw new SottoError('too_many_requests', `${folder} has ${names.length} keys; take some away first.`);
  await Identity.generate().save(join(folder, `${name}${ENDING}`));
}

async function readFolder(folder: string): Promise<KeysView> {
  const [keys, unusable]: [KeyView[], { file: string; why: string }[]] = [[], []];
  for (const name of (await namesIn(folder)).slice(0, MOST_SHOWN)) {
    const file = join(folder, name);
    try {
      keys.push(view(name.slice(0, -ENDING.length), file, await publicKeyIn(file)));
    } catch (error) {
      unusable.push({ file, why: messageOf(error) });
    }
  }
  return { keys, unusable };
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw new SottoError('file_unreadable', `${folder} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  });
  return names.filter((name) => name.endsWith(ENDING) && !name.startsWith('.')).sort();
}

/** Of a sealed file too, which says it outside of its seal. */
async function publicKeyIn(file: string): Promise<PublicKey> {
  try {
    return (await Identity.load(file)).publicKey;
  } catch (error) {
    if (codeOf(error) !== 'passphrase_required') throw error;
    const { publicKey } = JSON.parse(decodeUtf8(await files.readPrivate(file))) as { publicKey: string };
    return PublicKey.from(publicKey);
  }
}

function view(name: string, file: string, key: PublicKey): KeyView {
  const publicKey = key.toString();
  const qr = encode(publicKey, { ecc: 'M', border: 0 }).data;
  return { name, file, role: 'other', publicKey, words: key.words, until: null, qr };
}
