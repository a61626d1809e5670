/** Files of previous and of revoked keys, and the commands that change them. */

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { encode } from 'uqr';
import { Identity } from '../../src/keys/identity.ts';
import { IdentityRing } from '../../src/keys/identity-ring.ts';
import { encodeKeyFile } from '../../src/keys/key-file.ts';
import { RevokedKeys } from '../../src/keys/revoked-keys.ts';
import { dropPreviousKey, rotateIdentity } from '../../src/keys/rotation.ts';
import { withFileLock } from '../../src/platform/node/file-lock.ts';
import { newerKeyIn } from '../../src/sealed/newer-key.ts';

const DAY = 86_400_000;
const onPosix = { skip: process.platform === 'win32' };
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-keys-'));
});
after(() => rm(folder, { recursive: true }));

async function newKey(name: string): Promise<{ file: string; identity: Identity }> {
  const file = join(folder, name);
  const identity = Identity.generate();
  await identity.save(file);
  return { file, identity };
}

describe('a key file with a key before it', () => {
  test('keeps that for 30 days, in a file for the owner alone', onPosix, async () => {
    const { file, identity } = await newKey('usual.key');
    const now = 1_000_000;
    const { current, before, previous } = await rotateIdentity(file, { now });
    assert.ok(before.equals(identity.publicKey) && !current.equals(before));
    assert.deepEqual(
      previous.map(({ until }) => until),
      [now + 30 * DAY],
    );
    assert.equal((await stat(`${file}.previous`)).mode & 0o777, 0o600);
    const ring = await IdentityRing.load(file, { now: () => now });
    assert.equal(ring.previous[0]?.identity.toHex(), identity.toHex());
  });

  test('seals both under the passphrase', async () => {
    const file = join(folder, 'sealed.key');
    const identity = Identity.generate();
    const cheap = { N: 2, r: 8, p: 1 };
    const text = await encodeKeyFile(identity.privateKey, `${identity.publicKey}`, 'open sesame', cheap);
    await writeFile(file, text, { mode: 0o600 });
    await assert.rejects(rotateIdentity(file), { code: 'passphrase_required' });
    const { current } = await rotateIdentity(file, { passphrase: 'open sesame' });
    const written = (await readFile(file, 'utf8')) + (await readFile(`${file}.previous`, 'utf8'));
    assert.ok(!written.includes(identity.toHex()) && !written.includes('"privateKey"'));
    const ring = await IdentityRing.load(file, { passphrase: 'open sesame' });
    assert.ok(ring.current.publicKey.equals(current));
    assert.equal(ring.previous[0]?.identity.toHex(), identity.toHex());
  });

  test('is refused where the keys before are open to others, or make no sense', async () => {
    const { file } = await newKey('refused.key');
    const path = `${file}.previous`;
    await rotateIdentity(file);
    const good = await readFile(path, 'utf8');
    const wrong = [
      '',
      '[]',
      good.replace('previous-identities', 'identity'),
      good.replace('"version": 1', '"version": 2'),
      good.replace(/"until": ".*"/, '"until": "soon"'),
      good.replace(/"privateKey": "../, '"privateKey": "00'),
      good.replace('"identities": [', '"identities": [null,'),
    ];
    for (const text of wrong) {
      assert.notEqual(text, good);
      await writeFile(path, text);
      await assert.rejects(IdentityRing.load(file), (error: Error) => {
        assert.match(error.message, /refused\.key\.previous: /);
        assert.doesNotMatch(error.message, /[0-9a-f]{60}/);
        return true;
      });
    }
    await writeFile(path, good);
    assert.equal((await IdentityRing.load(file)).previous.length, 1);
    if (process.platform === 'win32') return;
    await chmod(path, 0o644);
    await assert.rejects(IdentityRing.load(file), { code: 'key_file_exposed' });
  });

  test('loses nothing where it is changed twice at once', async () => {
    const { file, identity } = await newKey('twice.key');
    const [one, other] = await Promise.all([rotateIdentity(file), rotateIdentity(file)]);
    const ring = await IdentityRing.load(file);
    const all = [ring.current, ...ring.previous.map((each) => each.identity)].map(
      (each) => `${each.publicKey}`,
    );
    const wanted = [one.current, other.current, identity.publicKey].map(String);
    assert.deepEqual(all.toSorted(), wanted.toSorted());
    await Promise.all([rotateIdentity(file), dropPreviousKey(file, identity.publicKey)]);
    const left = (await IdentityRing.load(file)).previous.map((each) => each.identity.toHex());
    assert.ok(!left.includes(identity.toHex()), 'a key that was ended does not come back');
  });

  test('is not kept by the lock of a process that died, but by one that is at it', async () => {
    const path = join(folder, 'locked');
    await writeFile(`${path}.lock`, '');
    assert.equal(await withFileLock(path, async () => 'done', 50), 'done');
    const order: string[] = [];
    const first = withFileLock(
      path,
      async () => {
        await wait(200);
        order.push('first');
      },
      50,
    );
    while (!existsSync(`${path}.lock`)) await wait(1);
    await Promise.all([first, withFileLock(path, async () => void order.push('second'), 50)]);
    assert.deepEqual(order, ['first', 'second']);
    await assert.rejects(
      withFileLock(path, () => Promise.reject(new Error('mine'))),
      { message: 'mine' },
    );
    assert.equal(existsSync(`${path}.lock`), false);
  });

  test('has an overlap within bounds', async () => {
    const { file, identity } = await newKey('bounds.key');
    for (const overlap of [-1, 3651 * DAY, Number.NaN]) {
      await assert.rejects(rotateIdentity(file, { overlap }), { code: 'invalid_option' });
    }
    assert.equal((await Identity.load(file)).toHex(), identity.toHex());
  });
});

describe('revoked keys', () => {
  test('are refused, everybody else is left to allow', async () => {
    const file = join(folder, 'revoked.json');
    const [bad, good] = [Identity.generate().publicKey, Identity.generate().publicKey];
    const revoked = await RevokedKeys.load(file);
    const other = await RevokedKeys.load(file);
    assert.equal(await revoked.add(bad.fingerprint, 'stolen', 5), true);
    assert.equal(await other.add(Identity.generate().publicKey.fingerprint, ''), true);
    assert.equal(await revoked.add(bad.fingerprint, 'again', 6), false);
    assert.equal((await RevokedKeys.load(file)).list().length, 2, 'what the other wrote stays');
    assert.deepEqual(revoked.list()[0], { id: bad.fingerprint, since: 5, why: 'stolen' });
    const allow = revoked.refusing((key) => key !== null);
    assert.deepEqual([allow(bad), allow(good), allow(null)], [false, true, false]);
    await assert.rejects(revoked.add('abc', ''), { code: 'invalid_argument' });
    const more = [Identity.generate(), Identity.generate()].map(({ publicKey }) => publicKey);
    await Promise.all(more.map((each, at) => [revoked, other][at]?.add(each.fingerprint, 'at once')));
    await revoked.refresh();
    assert.deepEqual(
      more.map((each) => revoked.has(each)),
      [true, true],
    );
  });

  test('a list that cannot be read whole is not read at all, and what was known stays', async () => {
    const file = join(folder, 'broken.json');
    const revoked = await RevokedKeys.load(file);
    const { publicKey } = Identity.generate();
    await revoked.add(publicKey.fingerprint, '');
    const text = await readFile(file, 'utf8');
    const wrong = ['{', text.replace('revoked-keys', 'x'), text.replace(publicKey.fingerprint, 'f'), '{}'];
    for (const broken of [...wrong, text.replace('"version":1', '"version":2')]) {
      await writeFile(file, broken);
      await assert.rejects(revoked.refresh(), { code: 'key_file_invalid', message: /broken\.json: / });
      assert.ok(revoked.has(publicKey));
    }
  });
});

test('what a server says of its key', () => {
  const key = Identity.generate().publicKey.toString();
  assert.deepEqual(newerKeyIn({ key, until: 5 }), { key, until: 5 });
  assert.equal(newerKeyIn({ key, until: null }), null);
  for (const wrong of [undefined, null, {}, { key }, { key: 7, until: 5 }, { key, until: 0.5 }]) {
    assert.throws(() => newerKeyIn(wrong), { code: 'invalid_message' });
  }
  assert.throws(() => newerKeyIn({ key: `${key}x`, until: 5 }), { code: 'invalid_key' });
  assert.throws(() => newerKeyIn({ key: 'sottopq1x', until: 5 }), { code: 'invalid_key' });
});

describe('the commands', () => {
  let child: ChildProcess;
  before(() => {
    child = fork(new URL('../support/command-lines.ts', import.meta.url), {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
  });
  after(() => child.kill());

  async function run(...args: readonly string[]): Promise<{ code: number; stdout: string }> {
    child.send(args);
    const [said] = (await once(child, 'message')) as [{ code: number; stdout: string }];
    return said;
  }

  test('rotate, list, prune and revoke', async () => {
    const { file, identity } = await newKey('cli.key');
    const list = join(folder, 'list.json');
    const own = ['--identity', file, '--list', list];
    const first = JSON.parse((await run('keys', 'rotate', file, '--overlap', '1h', '--json')).stdout);
    assert.deepEqual([first.before, first.previous[0].isAccepted], [identity.publicKey.toString(), true]);
    const second = JSON.parse((await run('keys', 'rotate', file, '--overlap', '0s', '--json')).stdout);
    assert.equal(second.before, first.publicKey);
    assert.deepEqual(second.previous, first.previous);
    const shown = await run('keys', 'list', file);
    assert.match(
      shown.stdout,
      new RegExp(`${second.publicKey}[^]*${identity.publicKey}  accepted until \\d{4}-`),
    );
    assert.equal((await run('keys', 'prune', file)).stdout, 'No key has ended.\n');
    const isCurrent = await run('keys', 'revoke', second.publicKey, ...own);
    assert.equal(isCurrent.code, 2);
    const { stdout } = await run(
      'keys',
      'revoke',
      `${identity.publicKey}`,
      ...own,
      '--why',
      'lost',
      '--json',
    );
    const id = identity.publicKey.fingerprint;
    assert.deepEqual(JSON.parse(stdout), { id, list, isNew: true, wasOwn: true });
    assert.deepEqual((await IdentityRing.load(file)).previous, []);
    const again = await run('keys', 'revoke', id.toUpperCase(), ...own, '--json');
    assert.deepEqual(JSON.parse(again.stdout), { id, list, isNew: false, wasOwn: false });
    assert.equal((await run('keys', 'revoke', 'nobody', ...own)).code, 2);
    assert.equal((await run('keys', 'rotate', join(folder, 'nothing.key'))).code, 1);
    assert.equal((await run('keys', 'rotate', file, '--overlap', 'long')).code, 2);
  });

  test('keygen --force leaves nothing of what was accepted', async () => {
    const { file } = await newKey('forced.key');
    await rotateIdentity(file);
    await run('keygen', file, '--force');
    assert.deepEqual((await IdentityRing.load(file)).previous, []);
    const { publicKey } = await Identity.load(file);
    await writeFile(`${file}.previous`, 'broken');
    assert.equal((await run('keygen', file, '--force')).code, 1);
    assert.ok((await Identity.load(file)).publicKey.equals(publicKey), 'the key is replaced last');
  });

  test('id --qr draws the key', async () => {
    const { file, identity } = await newKey('drawn.key');
    const { stdout } = await run('id', file, '--qr');
    const drawn = stdout.split('\n\n')[0]?.split('\n') ?? [];
    const isDark = drawn.flatMap((line) => [
      [...line].map((half) => half === ' ' || half === '▄'),
      [...line].map((half) => half === ' ' || half === '▀'),
    ]);
    const { data } = encode(identity.publicKey.toString(), { border: 2 });
    assert.deepEqual(isDark.slice(0, data.length), data);
    assert.equal((await run('id', file, '--qr', '--post-quantum')).code, 2);
    assert.equal((await run('id', file, '--qr', '--export', 'hex')).code, 2);
  });
});
