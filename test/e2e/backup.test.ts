/** `sotto backup` and `sotto restore`: whole while somebody writes, and nothing half put back. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, test } from 'node:test';
import { packTar } from 'modern-tar/fs';
import { codeOf, messageOf } from '../../src/errors.ts';
import { Identity } from '../../src/index.ts';
import { makeBackup, verifyBackup } from '../../src/node/backup/backup.ts';
import { encodeManifest, placeOf } from '../../src/node/backup/manifest.ts';
import { type Restored, type RestoreOptions, restoreBackup } from '../../src/node/backup/restore.ts';
import { seal } from '../../src/node/backup/sealed-archive.ts';
import { readPlan } from '../../src/node/plan.ts';
import { openDatabase } from '../../src/platform/node/sqlite.ts';
import { sotto } from '../support/command.ts';

const HAS_MODES = process.platform !== 'win32';
/** What the console and key rotation keep beside the key. */
const PRIVATE = ['keys/phone.key', 'console.key', 'revoked.json', 'identity.key.previous'];
const PASSPHRASE = 'the tea is in the blue tin';

let home = '';
const startedIn = process.cwd();
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'sotto-backup-'));
  process.chdir(home); // as the commands, which put files below where they are called
});
after(async () => {
  process.chdir(startedIn);
  await rm(home, { recursive: true });
});

/** A fresh current folder with what a node keeps; the store stays open, as it does while a node runs. */
async function aNode(name: string): Promise<ReturnType<typeof openDatabase>> {
  await mkdir(join(home, name));
  process.chdir(join(home, name));
  await Identity.generate().save('.sotto/identity.key');
  await mkdir('.sotto/inbox');
  await writeFile('.sotto/inbox/ä long name, '.padEnd(150, 'x'), 'hello', { mode: 0o640 });
  await writeFile('.sotto/.pins.json.0123456789ab.tmp', 'half writ');
  await writeFile('secrets.json', '{"a":1}', { mode: 0o600 });
  const config = { data: '.sotto', app: 'app.ts', lookup: { files: { 'secrets.json': null } } };
  await writeFile('sotto.config.json', JSON.stringify(config));
  const store = openDatabase('.sotto/once.db');
  store.execute('CREATE TABLE t (x INTEGER)');
  return store;
}

async function save(target: string): Promise<string> {
  const plan = await readPlan(undefined, undefined);
  const { file } = await makeBackup({ plan, target, passphrase: null, overwrite: false, version: '0.1.0' });
  return file;
}

function putBack(file: string, more: Partial<RestoreOptions> = {}): Promise<Restored> {
  return restoreBackup({ file, data: undefined, passphrase: null, force: false, version: '0.1.0', ...more });
}

async function refuses(work: Promise<unknown>, code: string, text: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.deepEqual([codeOf(error), text.test(messageOf(error))], [code, true], messageOf(error));
    return true;
  });
}

/** Names and contents of all below a folder. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !/\.db/.test(entry.name));
  const pairs = files.map(async ({ parentPath, name }) => [
    join(parentPath, name),
    await readFile(join(parentPath, name), 'utf8'),
  ]);
  return Object.fromEntries(await Promise.all(pairs)) as Record<string, string>;
}

/** An archive with this manifest and these files, made by somebody else. */
async function forged(
  target: string,
  manifest: string,
  files: Readonly<Record<string, string>>,
  isInOrder = true,
): Promise<string> {
  const entries = Object.entries({ 'manifest.json': manifest, ...files });
  if (!isInOrder) entries.reverse();
  const tar = packTar(
    entries.map(([name, content]) => ({ type: 'content', target: name, content }) as const),
  );
  await writeFile(`${target}.tar`, tar);
  execFileSync('gzip', ['-f', `${target}.tar`]);
  return `${target}.tar.gz`;
}

describe('a backup', () => {
  test('holds what was committed while somebody writes, and nothing half done; and puts all of it back', async () => {
    const store = await aNode('writing');
    await mkdir('.sotto/keys', { mode: 0o700 });
    for (const name of PRIVATE) await writeFile(join('.sotto', name), `private ${name}`, { mode: 0o600 });
    const insert = store.prepare('INSERT INTO t VALUES (?)');
    for (let number = 0; number < 100; number++) insert.run(number);
    store.execute('BEGIN');
    insert.run(-1);
    const file = await save('a.tar.gz');
    store.execute('COMMIT');
    store.close();
    if (HAS_MODES) assert.equal((await stat(file)).mode & 0o777, 0o600);
    const own = await contentOf('.sotto');
    const { files } = await verifyBackup(file, null);
    assert.ok(!files.some(({ path }) => /\.tmp$|-wal$|-shm$/.test(path)), 'nothing unfinished');
    assert.ok(
      files.some(({ path }) => path === 'beside/secrets.json'),
      'what the config names',
    );

    await mkdir('new');
    process.chdir('new');
    const restored = await putBack('../a.tar.gz');
    assert.deepEqual([restored.data, restored.aside, restored.elsewhere], ['.sotto', [], []]);
    const { '.sotto/.pins.json.0123456789ab.tmp': _half, ...kept } = own;
    assert.deepEqual(await contentOf('.sotto'), kept);
    const copy = new DatabaseSync('.sotto/once.db', { readOnly: true });
    assert.deepEqual(copy.prepare('SELECT count(*) AS n, min(x) AS least FROM t').get()?.n, 100);
    assert.equal(copy.prepare('PRAGMA user_version').get()?.user_version, 1);
    copy.close();
    if (HAS_MODES) {
      const long = Object.keys(kept).find((name) => name.includes('inbox')) ?? '';
      const modes = await Promise.all(
        ['.sotto', '.sotto/identity.key', long].map(async (path) => (await stat(path)).mode & 0o777),
      );
      assert.deepEqual(modes, [0o700, 0o600, 0o640]);
      for (const name of PRIVATE) {
        assert.equal((await stat(join('.sotto', name))).mode & 0o777, 0o600, name);
        assert.equal(kept[join('.sotto', name)], `private ${name}`, 'it was there to be put back');
      }
    }
    assert.deepEqual(JSON.parse(await readFile('secrets.json', 'utf8')), { a: 1 });
    assert.deepEqual(
      (await readdir('..')).filter((name) => name.startsWith('.a.tar') || name.includes('restore')),
      [],
    );
  });

  test('sealed opens by its passphrase alone, and shows where it was altered or cut', async () => {
    (await aNode('sealed')).close();
    const file = 's.tar.gz';
    const unsealed = await save('plain.tar.gz');
    await refuses(verifyBackup(unsealed, PASSPHRASE), 'file_invalid', /is not sealed, though a passphrase/);
    await refuses(
      putBack(unsealed, { passphrase: PASSPHRASE, force: true }),
      'file_invalid',
      /is not sealed/,
    );
    const plain = createReadStream(unsealed, { highWaterMark: 512 });
    const quick = { N: 2, r: 8, p: 1 };
    await pipeline(plain, (archive) => seal(archive, PASSPHRASE, quick), createWriteStream(file));
    const bytes = await readFile(file);
    assert.ok(!bytes.includes('identity'), 'no name is seen');
    assert.equal((await verifyBackup(file, PASSPHRASE)).files.length, 5);
    await refuses(verifyBackup(file, null), 'passphrase_required', /--passphrase-file/);
    await refuses(verifyBackup(file, 'no'), 'wrong_passphrase', /does not open/);
    const altered = Buffer.from(bytes);
    altered[altered.length - 20] = (altered.at(-20) ?? 0) ^ 1;
    await writeFile('altered.gz', altered);
    await refuses(verifyBackup('altered.gz', PASSPHRASE), 'file_invalid', /altered/);
    await writeFile('cut.gz', bytes.subarray(0, -30));
    await refuses(verifyBackup('cut.gz', PASSPHRASE), 'file_invalid', /cut short/);
  });

  test('goes into a folder by a name with the time, and over no other file', async () => {
    (await aNode('named')).close();
    await mkdir('kept');
    assert.match(await save('kept'), /^kept\/sotto-\d{8}T\d{6}Z\.tar\.gz$/);
    await save('a.tar.gz');
    await refuses(save('a.tar.gz'), 'file_unwritable', /exists; .*--force/);
    await refuses(save('none/a.tar.gz'), 'file_unwritable', /none/);
  });

  test('of a damaged store is none: it says which, and leaves no file', async () => {
    (await aNode('damaged')).close();
    const broken = Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8176, 0xff)]);
    await writeFile('.sotto/outbox.db', broken);
    await refuses(save('a.tar.gz'), 'file_unreadable', /outbox\.db cannot be saved/);
    assert.deepEqual(
      (await readdir('.')).filter((name) => name.includes('a.tar')),
      [],
    );
  });

  test('follows a link to a file, and tells what it left out', { skip: !HAS_MODES }, async () => {
    (await aNode('links')).close();
    await symlink('../../secrets.json', '.sotto/inbox/link.json');
    await symlink('/', '.sotto/root');
    const plan = await readPlan(undefined, undefined);
    const made = await makeBackup({
      plan,
      target: 'l.tar.gz',
      passphrase: null,
      overwrite: false,
      version: '0.1.0',
    });
    assert.deepEqual(made.leftOut, ['.sotto/root']);
    const { files } = await verifyBackup('l.tar.gz', null);
    assert.ok(files.some(({ path }) => path === 'data/inbox/link.json'));
  });
});

describe('a restore', () => {
  test('puts nothing over what is there; by --force puts that aside', async () => {
    (await aNode('there')).close();
    const file = await save('a.tar.gz');
    const old = await readFile('.sotto/identity.key', 'utf8');
    await refuses(putBack(file), 'file_unwritable', /\.sotto is there already; --force/);
    await writeFile('.sotto/identity.key', 'other', { mode: 0o600 });
    await writeFile('secrets.json', 'other');
    const { aside } = await putBack(file, { force: true });
    assert.equal(await readFile('.sotto/identity.key', 'utf8'), old);
    assert.equal(aside.length, 2, 'the config is the same, and stays');
    assert.equal(await readFile(join(aside[0] ?? '', 'identity.key'), 'utf8'), 'other');
    assert.equal(await readFile(aside[1] ?? '', 'utf8'), 'other');
  });

  test('waits for nobody to use the folder', { skip: process.platform !== 'linux' }, async () => {
    const store = await aNode('used');
    const file = await save('a.tar.gz');
    await refuses(putBack(file, { force: true }), 'file_unwritable', /\(pid \d+\) uses \.sotto: stop it/);
    await symlink('.sotto', 'linked');
    await refuses(putBack(file, { data: 'linked', force: true }), 'file_unwritable', /uses linked: stop it/);
    store.close();
    await putBack(file, { force: true });
  });

  test('makes the folders on the way to a data folder that lies deep', async () => {
    (await aNode('deep')).close();
    const data = 'var/lib/node';
    await Identity.generate().save(join(data, 'identity.key'));
    await writeFile('sotto.config.json', JSON.stringify({ data }));
    await save('deep.tar.gz');
    await mkdir('new');
    process.chdir('new');
    assert.equal((await putBack('../deep.tar.gz')).data, data);
    assert.equal(
      await readFile(join(data, 'identity.key'), 'utf8'),
      await readFile(join('..', data, 'identity.key'), 'utf8'),
    );
  });

  test('that cannot be finished puts back what it has moved', { skip: !HAS_MODES }, async () => {
    (await aNode('rollback')).close();
    const name = 's'.padEnd(240, 's'); // too long for the name by which it would be put aside
    await writeFile(name, 'old', { mode: 0o600 });
    await writeFile(
      'sotto.config.json',
      JSON.stringify({ data: '.sotto', lookup: { files: { [name]: 0 } } }),
    );
    const file = await save('a.tar.gz');
    await writeFile(name, 'new');
    await writeFile('.sotto/pins.json', 'new', { mode: 0o600 });
    const was = await contentOf('.');
    await refuses(putBack(file, { force: true }), 'file_unwritable', /Nothing was restored: .*ENAMETOOLONG/);
    assert.deepEqual(await contentOf('.'), was);
  });

  test('takes no archive that was altered, holds more than it says, or leads out of its folder', async () => {
    await mkdir(join(home, 'strange'));
    process.chdir(join(home, 'strange'));
    const made = { madeBy: '0.1.0', madeAt: '2027-01-01T00:00:00.000Z', layout: 1, data: '.sotto' };
    const hash = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'; // of "hello"
    const listed = (path: string): string =>
      encodeManifest({ ...made, files: [{ path, size: 5, mode: 0o600, sha256: hash }] });
    const cases: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
      [listed('data/a'), { 'data/a': 'hello and more' }, /data\/a in .* was altered/],
      [listed('data/a'), { 'data/a': 'hullo' }, /data\/a in .* was altered/],
      [listed('data/a'), {}, /does not hold it/],
      [listed('data/a'), { 'data/a': 'hello', 'data/b': 'x' }, /holds data\/b, which it does not list/],
      [listed('data/a'), { 'data/a': 'hello', other: 'x' }, /holds other, which it does not list/],
      [listed('data/../../a'), { 'data/a': 'hello' }, /none of a backup/],
      ['{}', {}, /none of a backup/],
      ['nonsense', {}, /not JSON/],
      [
        encodeManifest({ ...made, layout: 99, madeBy: '9.0.0', files: [] }),
        {},
        /Sotto 9\.0\.0.*install that one/,
      ],
    ];
    for (const [index, [manifest, files, text]] of cases.entries()) {
      await refuses(putBack(await forged(`c${index}`, manifest, files)), 'file_invalid', text);
    }
    assert.ok(
      !(await readdir('.')).some((name) => name.startsWith('.sotto')),
      'and nothing was put anywhere',
    );
    const turned = await forged('turned', listed('data/a'), { 'data/a': 'hello' }, false);
    await refuses(putBack(turned), 'file_invalid', /manifest\.json is not first/);
    await writeFile('none.tar.gz', 'no archive at all');
    await refuses(putBack('none.tar.gz'), 'file_invalid', /no whole backup/);
    await refuses(putBack('missing.tar.gz'), 'file_unreadable', /cannot be read/);
  });

  test('of a data folder by an absolute path asks where it is to go, and files from elsewhere stay in it', async () => {
    (await aNode('far')).close();
    await writeFile('.sotto/identity.key.previous', '{}', { mode: 0o600 });
    const data = join(home, 'far-data');
    await Identity.generate().save(join(data, 'identity.key'));
    await mkdir('here');
    process.chdir('here');
    await writeFile('sotto.config.json', JSON.stringify({ data, identity: '../.sotto/identity.key' }));
    const file = await save('../../far.tar.gz');
    await mkdir('there');
    process.chdir('there');
    await refuses(putBack(join('..', file)), 'invalid_argument', /say by --data/);
    const { elsewhere } = await putBack(join('..', file), { data: 'mine' });
    assert.deepEqual(
      elsewhere.map(({ belongs }) => belongs).sort(),
      ['identity.key', 'identity.key.previous'].map((name) => join(process.cwd(), '../../.sotto', name)),
    );
    assert.equal((await stat(elsewhere[0]?.file ?? '')).isFile(), true);
  });
});

test('the commands: warn of keys that are not sealed, verify, and put back', async () => {
  (await aNode('commands')).close();
  const cwd = process.cwd();
  await writeFile('secret', `${PASSPHRASE}\n`, { mode: 0o600 });
  const [plain, sealed] = await Promise.all([
    sotto(['backup', 'plain.tar.gz'], { cwd }),
    sotto(['backup', 'sealed.tar.gz', '--passphrase-file', 'secret', '--json'], { cwd }),
  ]);
  assert.match(plain.stderr, /^sotto: plain\.tar\.gz holds private keys, unsealed: .*\n$/);
  assert.deepEqual([sealed.stderr, sealed.code, JSON.parse(sealed.stdout).sealed], ['', 0, true]);
  await mkdir('new');
  const [verified, restored] = await Promise.all([
    sotto(['backup', '--verify', 'sealed.tar.gz', '--passphrase-file', 'secret'], { cwd }),
    sotto(['restore', '../plain.tar.gz'], { cwd: join(cwd, 'new') }),
  ]);
  assert.match(verified.stdout, /^sealed\.tar\.gz is whole: 5 files, made by Sotto /);
  assert.match(restored.stdout, /^5 files of .* are back, in \.sotto\.\n$/);
});

test('a way out of an archive is none', () => {
  assert.deepEqual(placeOf('data/a/b'), { place: 'data', rest: 'a/b' });
  for (const path of [
    'data',
    'data/',
    'data/../x',
    'data//x',
    '/data/x',
    'other/x',
    'data/a\\b',
    'data/./x',
    '../data/x',
  ]) {
    assert.equal(placeOf(path), null, path);
  }
});
