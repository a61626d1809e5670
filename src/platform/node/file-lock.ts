/** One at a time, of whatever process: a file beside the one that is to be changed says that somebody is at it. */

import type { Stats } from 'node:fs';
import { link, lstat, mkdir, open, rename, rm, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { encodeHex } from '../../bytes/text.ts';
import { messageOf, SottoError } from '../../errors.ts';
import { primitives } from './crypto.ts';
import { hasCode } from './error-code.ts';

/** Whoever holds a lock touches it; one that nobody has touched for so long is of a process that died, ms. */
const STALE_AFTER = 10_000;
const TOUCHES = 5;
const RETRY = 20;
/** How long others may hold it, ms. */
const PATIENCE = 60_000;

/**
 * Runs `work` while nobody else does with the same path.
 *
 * @param staleAfter ms; shorter in tests.
 * @throws SottoError `key_file_invalid` where the lock cannot be made, or others never let go of it; what `work` throws.
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  staleAfter: number = STALE_AFTER,
): Promise<T> {
  const lock = `${path}.lock`;
  const own = await take(lock, staleAfter).catch((cause: unknown) => {
    if (cause instanceof SottoError) throw cause;
    throw new SottoError('key_file_invalid', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  });
  const touching = setInterval(() => void touch(lock), staleAfter / TOUCHES);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    // Who stood still for too long has lost it, and must not take it from another.
    if ((await statOf(lock))?.ino === own) await rm(lock, { force: true });
  }
}

/** @returns which file it is. */
async function take(lock: string, staleAfter: number): Promise<number> {
  await mkdir(dirname(lock), { recursive: true, mode: 0o700 });
  const deadline = performance.now() + PATIENCE;
  let seen = { stamp: '', at: performance.now() };
  for (;;) {
    const own = await make(lock);
    if (own !== null) return own;
    const now = performance.now();
    if (now > deadline) throw held(lock);
    const stamp = await stampOf(lock);
    // By what is seen to change, not by the times of the file: clocks of others may be wrong.
    if (stamp !== seen.stamp) seen = { stamp, at: now };
    else if (now - seen.at > staleAfter) await takeAway(lock, stamp);
    await wait(RETRY);
  }
}

/** @returns null where there is one. */
async function make(lock: string): Promise<number | null> {
  try {
    const handle = await open(lock, 'wx', 0o600);
    return (await handle.stat().finally(() => handle.close())).ino;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return null;
    throw error;
  }
}

/** By a rename, which one alone can do; what another has made meanwhile is put back. */
async function takeAway(lock: string, stamp: string): Promise<void> {
  const aside = `${lock}.${encodeHex(primitives.randomBytes(6))}.tmp`;
  try {
    await rename(lock, aside);
    if ((await stampOf(aside)) !== stamp) await link(aside, lock);
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function stampOf(path: string): Promise<string> {
  const stat = await statOf(path);
  return stat ? `${stat.ino} ${stat.mtimeMs}` : '';
}

function statOf(path: string): Promise<Stats | null> {
  return lstat(path).catch(() => null);
}

function touch(lock: string): Promise<void> {
  const now = new Date();
  return utimes(lock, now, now).catch(() => {});
}

function held(lock: string): SottoError {
  const text = `${lock} is held by another process, which is changing the keys; try again later.`;
  return new SottoError('key_file_invalid', text);
}
