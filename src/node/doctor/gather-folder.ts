/** What the file system tells of the data folder. */

import { access, constants, stat, statfs } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { codeOf, messageOf } from '../../errors.ts';
import { Identity } from '../../keys/identity.ts';
import { filesBelow } from '../files-below.ts';
import type { FileFacts, FolderFacts, KeyFacts } from './judge-folder.ts';

const HAS_MODES = process.platform !== 'win32';
/** Files that Sotto refuses when they are open to others. */
const SECRET = /\.(key|json|secret|token)$/;

export async function gatherFolder(path: string): Promise<FolderFacts> {
  const found = await stat(path).catch(() => null);
  const there = found ? path : await nearestParent(path);
  const { bavail, bsize, ffree } = await statfs(there);
  return {
    path,
    state: found === null ? 'absent' : found.isDirectory() ? 'there' : 'not-folder',
    isWritable: await may(there, constants.W_OK | constants.X_OK),
    mode: found && HAS_MODES ? found.mode & 0o777 : null,
    owner: await nameOf(found?.uid ?? null),
    self: await nameOf(process.getuid?.() ?? null),
    free: bavail * bsize,
    freeFiles: ffree,
  };
}

/** All files of the folder, however deep, but the key. */
export async function gatherFiles(folder: string, key: string): Promise<FileFacts[]> {
  const { files } = await filesBelow(folder).catch(() => ({ files: [] }));
  const others = files.filter((path) => resolve(path) !== resolve(key));
  return Promise.all(others.map((path) => gatherFile(path, dirname(path) === folder)));
}

/** @param isTop in the folder itself: what lies deeper was brought by others, and is named as they like. */
async function gatherFile(path: string, isTop: boolean): Promise<FileFacts> {
  const found = await stat(path).catch(() => null);
  return {
    path,
    kind: isTop && SECRET.test(basename(path)) ? 'secret' : 'data',
    mode: found && HAS_MODES ? found.mode & 0o777 : null,
    isReadable: found === null || (await may(path, constants.R_OK)),
  };
}

/** @param passphrase of a sealed key; without it that is not opened. */
export async function gatherKey(
  path: string,
  passphrase: string | undefined,
): Promise<{ facts: KeyFacts; identity: Identity | null }> {
  try {
    const identity = await Identity.load(path, passphrase === undefined ? {} : { passphrase });
    return { facts: { path, state: 'fine', why: '' }, identity };
  } catch (error) {
    return { facts: { path, state: stateOf(codeOf(error)), why: messageOf(error) }, identity: null };
  }
}

/** When the newest of these was written, ms since 1970; null for none. */
export async function newestOf(files: readonly FileFacts[]): Promise<number | null> {
  const times = await Promise.all(
    files.map(({ path }) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return times.length === 0 ? null : Math.max(...times);
}

function stateOf(code: string): KeyFacts['state'] {
  if (code === 'passphrase_required') return 'sealed';
  if (code === 'key_file_missing') return 'missing';
  return code === 'key_file_exposed' ? 'exposed' : 'invalid';
}

async function nearestParent(path: string): Promise<string> {
  const parent = dirname(resolve(path));
  return (await stat(parent).catch(() => null)) ? parent : nearestParent(parent);
}

async function may(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Of the own user by name; of others the system would have to be asked. */
async function nameOf(uid: number | null): Promise<string> {
  if (uid === null) return 'this user';
  if (uid === 0) return 'root';
  try {
    const { uid: own, username } = userInfo();
    return own === uid ? username : `user ${uid}`;
  } catch {
    return `user ${uid}`; // a container may have no name for it
  }
}
