import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { decodeHex } from '../../src/bytes/text.ts';
import { SottoError } from '../../src/errors.ts';
import { hybridPublicKey, hybridPublicKeyText, looksHybrid } from '../../src/keys/hybrid-key.ts';
import { Identity } from '../../src/keys/identity.ts';
import { decodeKeyFile, encodeKeyFile } from '../../src/keys/key-file.ts';
import { PublicKey } from '../../src/keys/public-key.ts';

// From the vectors of PSSST.
const PRIVATE = '814e35107a71b64408f63be744e74699405def500849074ed5c800c9e552b249';
const PUBLIC = 'd837bd06a6754a7d476313ef4b30cb7fb433111535d16b97f00246a0ad2b6b29';
// openssl genpkey -algorithm X25519, and what openssl says its public key is
const PEM =
  '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEICjsldOQo25HzJlTnNW7fmje8n2xUMS+PZ6yvOK7jrxo\n-----END PRIVATE KEY-----\n';

describe('public keys', () => {
  test('come from bytes, hex with blanks and their own text', () => {
    const key = PublicKey.from(PUBLIC);
    assert.match(key.toString(), /^sotto1[a-z0-9]{58}$/);
    for (const form of [
      decodeHex(PUBLIC),
      PUBLIC.toUpperCase(),
      PUBLIC.match(/../g)?.join(' ') ?? '',
      key.toString(),
      key,
    ]) {
      assert.ok(PublicKey.from(form).equals(key));
    }
    assert.equal(JSON.stringify({ key }), `{"key":"${key}"}`);
  });

  test('have a fingerprint and words that never change', () => {
    const key = PublicKey.from(PUBLIC);
    assert.equal(key.fingerprint, '032d45b70a623d2ae6b187d7502c9a1cd8d832bc9c20fd5d44032c08dd9ffdb3');
    assert.equal(key.words, 'add health horse below cat nice onion couch');
  });

  test('every single typing error is noticed', () => {
    const text = PublicKey.from(PUBLIC).toString();
    for (let at = 0; at < text.length; at++) {
      const typo = text.slice(0, at) + (text[at] === 'q' ? 'p' : 'q') + text.slice(at + 1);
      assert.throws(() => PublicKey.from(typo), { code: 'invalid_key' }, typo);
    }
  });

  test('what is no key is refused, without repeating it', () => {
    for (const wrong of ['', PUBLIC.slice(2), `${PUBLIC}00`, PRIVATE.slice(1), 'sotto1', PEM]) {
      assert.throws(
        () => PublicKey.from(wrong),
        (error) =>
          error instanceof SottoError &&
          error.code === 'invalid_key' &&
          (wrong.length < 20 || !error.message.includes(wrong)),
      );
    }
    assert.throws(() => PublicKey.from(new Uint8Array(31)), {
      code: 'invalid_key',
      message: /32 bytes; this one has 31/,
    });
    assert.throws(() => PublicKey.from(null as unknown as string), { code: 'invalid_key' });
  });

  test('of the post-quantum suite have a text of their own', () => {
    const bytes = new Uint8Array(1216).map((_, index) => index);
    const text = hybridPublicKeyText(bytes);
    assert.match(text, /^sottopq1/);
    assert.deepEqual(hybridPublicKey(text), bytes);
    assert.deepEqual([looksHybrid(text), looksHybrid(bytes), looksHybrid(PUBLIC)], [true, true, false]);
    assert.throws(() => PublicKey.from(text), { code: 'invalid_key', message: /must begin with sotto1/ });
    assert.throws(() => hybridPublicKey(PUBLIC), { code: 'invalid_key' });
  });
});

describe('identities', () => {
  test('read the raw hex of PSSST programs and the PEM of OpenSSL, and write both', () => {
    const identity = Identity.from(PRIVATE);
    assert.equal(identity.toHex(), PRIVATE);
    assert.ok(identity.publicKey.equals(PUBLIC));
    assert.equal(Identity.fromPem(identity.toPem()).toHex(), PRIVATE);
    const openssl = createPrivateKey(identity.toPem());
    assert.equal(openssl.asymmetricKeyType, 'x25519');
    assert.equal(openssl.export({ format: 'pem', type: 'pkcs8' }), identity.toPem());
    assert.equal(Identity.fromPem(PEM).toPem(), PEM);
  });

  test('refuse other PEM texts with the way out', () => {
    for (const wrong of [
      PEM.replaceAll('PRIVATE', 'PUBLIC'),
      PEM.replace('MC4C', 'MC5C'),
      '-----BEGIN PRIVATE KEY-----\n',
      'x',
    ]) {
      assert.throws(() => Identity.fromPem(wrong), { code: 'invalid_key', message: /X25519/ });
    }
    const encrypted = PEM.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE');
    assert.throws(() => Identity.fromPem(encrypted), { code: 'invalid_key', message: /openssl pkey/ });
  });

  test('never show their secret', () => {
    const identity = Identity.from(PRIVATE);
    for (const shown of [
      inspect(identity, { depth: 9, showHidden: true }),
      String(identity),
      JSON.stringify(identity),
    ]) {
      assert.ok(!shown.includes(PRIVATE) && !shown.includes('129, 78, 53'), shown);
    }
    identity.privateKey.fill(0);
    assert.equal(identity.toHex(), PRIVATE, 'what is handed out is a copy');
  });
});

describe('key files', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sotto-keys-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('are for their owner alone, and are never overwritten unasked', async () => {
    const file = join(folder, 'plain.key');
    const identity = Identity.generate();
    await identity.save(file);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.ok((await Identity.load(file)).publicKey.equals(identity.publicKey));
    await assert.rejects(Identity.generate().save(file), { code: 'key_file_exists' });
    assert.ok((await Identity.load(file)).publicKey.equals(identity.publicKey));
    await Identity.from(PRIVATE).save(file, { overwrite: true });
    assert.equal((await Identity.load(file)).toHex(), PRIVATE);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.includes('tmp')),
      [],
    );
  });

  test('that others can read or write are refused, with the command that mends it', async () => {
    const file = join(folder, 'open.key');
    await Identity.generate().save(file);
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o666]) {
      await chmod(file, mode);
      await assert.rejects(Identity.load(file), { code: 'key_file_exposed', message: /chmod 600/ });
    }
    await chmod(file, 0o400);
    await Identity.load(file);
  });

  test('that are missing, a folder or too large say so', async () => {
    await assert.rejects(Identity.load(join(folder, 'none')), {
      code: 'key_file_missing',
      message: /sotto keygen/,
    });
    await assert.rejects(Identity.load(folder), { code: 'key_file_invalid' });
    const large = join(folder, 'large');
    await writeFile(large, 'a'.repeat(70_000), { mode: 0o600 });
    await assert.rejects(Identity.load(large), { code: 'key_file_invalid' });
  });

  test('in PEM and in raw hex load too', async () => {
    const file = join(folder, 'other');
    for (const text of [
      `${PRIVATE}\n`,
      PRIVATE.match(/../g)?.join(' ') ?? '',
      Identity.from(PRIVATE).toPem(),
    ]) {
      await writeFile(file, text, { mode: 0o600 });
      assert.equal((await Identity.load(file)).toHex(), PRIVATE);
    }
    for (const text of ['', 'hello', '{}', '{"sotto":"identity"}', PRIVATE.slice(2), '\xff']) {
      await writeFile(file, text, { mode: 0o600 });
      await assert.rejects(
        Identity.load(file),
        { code: 'key_file_invalid', message: new RegExp(file) },
        text,
      );
    }
  });

  test('under a passphrase hold no key in the clear and open with it alone', async () => {
    const file = join(folder, 'sealed.key');
    const identity = Identity.from(PRIVATE);
    await identity.save(file, { passphrase: 'correct horse' });
    assert.ok(!(await readFile(file, 'utf8')).includes(PRIVATE));
    assert.equal((await Identity.load(file, { passphrase: 'correct horse' })).toHex(), PRIVATE);
    await assert.rejects(Identity.load(file, { passphrase: 'correct hors' }), { code: 'wrong_passphrase' });
    await assert.rejects(Identity.load(file), { code: 'passphrase_required' });
  });

  const cheap = { N: 16, r: 1, p: 1 };

  test('altered anywhere are refused', async () => {
    const { publicKey } = Identity.from(PRIVATE);
    const text = await encodeKeyFile(decodeHex(PRIVATE), publicKey.toString(), 'pass', cheap);
    const fields = JSON.parse(text) as Record<string, unknown>;
    for (const [name, value] of Object.entries(fields)) {
      if (name === 'sotto' || name === 'kdf') continue;
      const changed =
        typeof value === 'string' ? value.replace(/.$/, (last) => (last === '0' ? '1' : '0')) : 2;
      await assert.rejects(
        decodeKeyFile(JSON.stringify({ ...fields, [name]: changed }), 'pass'),
        SottoError,
        name,
      );
    }
    const kdf = fields.kdf as Record<string, unknown>;
    for (const [name, value] of [
      ['N', 32],
      ['N', 17],
      ['N', 2 ** 30],
      ['r', 2],
      ['p', 1000],
      ['salt', '00'],
      ['name', 'x'],
    ]) {
      const altered = { ...fields, kdf: { ...kdf, [String(name)]: value } };
      await assert.rejects(decodeKeyFile(JSON.stringify(altered), 'pass'), SottoError, `kdf.${name}`);
    }
  });

  test('whose public key is another are refused', async () => {
    const file = join(folder, 'swapped.key');
    await writeFile(
      file,
      await encodeKeyFile(decodeHex(PRIVATE), Identity.generate().publicKey.toString(), undefined),
      {
        mode: 0o600,
      },
    );
    await assert.rejects(Identity.load(file), { code: 'key_file_invalid', message: /public key/ });
  });
});
