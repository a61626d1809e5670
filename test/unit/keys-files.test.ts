/** Key files on a disk: whole or not at all, nobody else's, and every refusal a sentence. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { SottoError } from '../../src/errors.ts';
import { Identity } from '../../src/keys/identity.ts';
import { files } from '../../src/platform/node/files.ts';
import { files as webFiles } from '../../src/platform/web/files.ts';

const ALICE = Identity.generate();
const BOB = Identity.generate();
const onPosix = { skip: process.platform === 'win32' };
const onLinux = { skip: process.platform !== 'linux' };

let root = '';
let folder = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'sotto-files-'));
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'test-'));
});
after(() => rm(root, { recursive: true }));

describe('writing', () => {
  test('is for the owner alone whatever the umask, in a folder made on the way', onPosix, async () => {
    for (const umask of [0, 0o777]) {
      const file = join(folder, `umask-${umask}`, 'a.key');
      await mkdir(join(folder, `umask-${umask}`));
      const usual = process.umask(umask);
      try {
        await ALICE.save(file);
      } finally {
        process.umask(usual);
      }
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    }
    await ALICE.save(join(folder, 'new', 'deep', 'a.key'));
    assert.equal((await stat(join(folder, 'new'))).mode & 0o077, 0);
  });

  test('at once by many leaves one key, whole, and tells all others', async () => {
    const file = join(folder, 'race.key');
    const identities = Array.from({ length: 16 }, () => Identity.generate());
    const results = await Promise.allSettled(identities.map((identity) => identity.save(file)));
    const winners = identities.filter((_, index) => results[index]?.status === 'fulfilled');
    assert.equal(winners.length, 1);
    for (const result of results) {
      if (result.status === 'rejected') assert.equal(result.reason.code, 'key_file_exists');
    }
    assert.equal((await Identity.load(file)).toHex(), winners[0]?.toHex());
    assert.deepEqual(await readdir(folder), ['race.key']);
  });

  test('over a file replaces it and never writes into it', async () => {
    const file = join(folder, 'a.key');
    await ALICE.save(file);
    await link(file, join(folder, 'kept.key'));
    await BOB.save(file, { overwrite: true });
    assert.equal((await Identity.load(file)).toHex(), BOB.toHex());
    assert.equal((await Identity.load(join(folder, 'kept.key'))).toHex(), ALICE.toHex());
  });

  test('follows no symbolic link', onPosix, async () => {
    const victim = join(folder, 'victim');
    const file = join(folder, 'link.key');
    await symlink(victim, file);
    await assert.rejects(ALICE.save(file), { code: 'key_file_exists' });
    assert.equal(await readlink(file), victim);
    await ALICE.save(file, { overwrite: true });
    assert.deepEqual(await readdir(folder), ['link.key']);
    assert.ok((await stat(file)).isFile());
  });

  test('that fails says which file, and leaves nothing behind', async () => {
    await writeFile(join(folder, 'file'), '');
    await mkdir(join(folder, 'sub'));
    const attempts: [string, boolean][] = [
      [join(folder, 'sub'), true],
      [join(folder, 'file', 'a.key'), false],
      [join(folder, 'n'.repeat(250)), false],
      [join(folder, 'a\0b'), false],
    ];
    for (const [file, overwrite] of attempts) {
      const error: unknown = await ALICE.save(file, { overwrite }).catch((reason: unknown) => reason);
      assert.ok(error instanceof SottoError);
      assert.equal(error.code, 'key_file_invalid');
      assert.ok(error.message.startsWith(`${file} cannot be written: `), error.message);
    }
    assert.deepEqual((await readdir(folder)).sort(), ['file', 'sub']);
  });
});

describe('reading', () => {
  test('waits for no pipe', onPosix, async () => {
    const file = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', file]);
    await assert.rejects(Identity.load(file), { code: 'key_file_invalid', message: /is not a file/ });
  });

  test('is bounded by what comes, not by the size that is claimed', onLinux, async () => {
    const child = spawn('cat', [], { env: { PATH: process.env.PATH, LARGE: 'a'.repeat(70_000) } });
    try {
      const file = `/proc/${child.pid}/environ`;
      assert.equal((await stat(file)).size, 0);
      await assert.rejects(files.readPrivate(file), { code: 'key_file_invalid', message: /too large/ });
    } finally {
      child.stdin.end();
    }
  });

  test('takes up to 64 KiB and not a byte more', async () => {
    const file = join(folder, 'large');
    await writeFile(file, new Uint8Array(65_536).fill(7), { mode: 0o600 });
    assert.deepEqual(await files.readPrivate(file), new Uint8Array(await readFile(file)));
    await writeFile(file, new Uint8Array(65_537), { mode: 0o600 });
    await assert.rejects(files.readPrivate(file), { code: 'key_file_invalid', message: /too large/ });
  });

  test('names the mode that is too open', onPosix, async () => {
    const file = join(folder, 'open.key');
    await writeFile(file, ALICE.toHex(), { mode: 0o644 });
    await assert.rejects(Identity.load(file), {
      code: 'key_file_exposed',
      message: `${file} can be used by others (mode 0644); make it yours alone: chmod 600 ${file}`,
    });
  });

  test('of a path that cannot be says so', async () => {
    await writeFile(join(folder, 'file'), '');
    for (const file of [join(folder, 'file', 'a.key'), join(folder, 'a\0b')]) {
      await assert.rejects(Identity.load(file), { code: 'key_file_invalid', message: /cannot be read/ });
    }
  });
});

test('in a browser both are refused with what to do', async () => {
  await assert.rejects(webFiles.readPrivate('a.key'), {
    code: 'unsupported_platform',
    message: /Identity\.from/,
  });
  await assert.rejects(webFiles.writePrivate('a.key', new Uint8Array(1), { overwrite: false }), {
    code: 'unsupported_platform',
    message: /toHex/,
  });
});
