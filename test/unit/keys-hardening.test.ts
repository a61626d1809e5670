/** What careless programs and damaged texts do to keys: they are refused by name, and no secret gets out. */

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { concat } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import { SottoError } from '../../src/errors.ts';
import { looksHybrid } from '../../src/keys/hybrid-key.ts';
import { Identity } from '../../src/keys/identity.ts';
import { decodeKeyFile, encodeKeyFile } from '../../src/keys/key-file.ts';
import { PublicKey } from '../../src/keys/public-key.ts';

const PRIVATE = 'c14e35107a71b64408f63be744e74699405def500849074ed5c800c9e552b249';
const ALICE = Identity.from(PRIVATE);
const CHEAP = { N: 16, r: 1, p: 1 };

// openssl genpkey -algorithm X25519, then openssl pkey -text, then openssl pkey -aes256
const OPENSSL = {
  pem:
    '-----BEGIN PRIVATE KEY-----\n' +
    'MC4CAQAwBQYDK2VuBCIEILhZq/kyI2NdxUwWFd7pETfP60c7DOzRACBjL5ox2rNR\n' +
    '-----END PRIVATE KEY-----\n',
  privateKey: 'b859abf93223635dc54c1615dee91137cfeb473b0cecd10020632f9a31dab351',
  publicKey: 'adafd17b77358a490eaa9cee81383524c142bd4a0b95bdf313ffd8900c056566',
  encrypted:
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\n' +
    'MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiIWCtr6tLpvQICCAAw\n' +
    'DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEOjJNq2u7cypa9uMHQd0wfMEQJuk\n' +
    'pqYmIqozpGbpJlZ5W/zrD6SmSOyWtAxJRgb0f7ytOsmcUuNyk/gm1GSzUz0i+B1/\n' +
    'qtTxBbWTtXTdKKJP/rs=\n' +
    '-----END ENCRYPTED PRIVATE KEY-----\n',
};

/** Whether 8 hex digits in a row of the secret stand anywhere in it. */
function showsSecret(text: string): boolean {
  return Array.from({ length: PRIVATE.length - 7 }, (_, at) => PRIVATE.slice(at, at + 8)).some((piece) =>
    text.includes(piece),
  );
}

function refusalOf(work: () => unknown): SottoError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof SottoError, String(error));
    return error;
  }
  assert.fail('was not refused');
}

async function refusalOfFile(text: string, passphrase?: string): Promise<SottoError> {
  const error: unknown = await decodeKeyFile(text, passphrase).catch((reason: unknown) => reason);
  assert.ok(error instanceof SottoError, `was not refused: ${text}`);
  return error;
}

describe('public keys', () => {
  test('up to four wrong characters are always noticed', () => {
    const text = ALICE.publicKey.toString();
    const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
    const typos = fc.array(fc.record({ at: fc.nat(57), to: fc.nat(31) }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(typos, (changes) => {
        const characters = [...text];
        for (const { at, to } of changes) characters[at + 'sotto1'.length] = letters[to] ?? '';
        const typed = characters.join('');
        fc.pre(typed !== text);
        assert.equal(refusalOf(() => PublicKey.from(typed)).code, 'invalid_key');
      }),
    );
  });

  test('stay what they are when the buffer they came in is used again', () => {
    for (const buffer of [decodeHex(PRIVATE), Buffer.from(PRIVATE, 'hex')]) {
      const key = PublicKey.from(buffer);
      const before = key.toString();
      buffer.fill(0);
      assert.equal(key.toString(), before);
    }
  });

  test('a secret given in their place is called one, and not repeated', async () => {
    const secrets = [ALICE.toPem(), await encodeKeyFile(ALICE.privateKey, 'x', undefined)];
    for (const text of secrets) {
      const error = refusalOf(() => PublicKey.from(text));
      assert.match(error.message, /private key|key file/);
      assert.ok(!showsSecret(inspect(error)));
    }
    const error = refusalOf(() => PublicKey.from(`${PRIVATE.slice(0, -1)}g`));
    assert.ok(!showsSecret(inspect(error)));
  });

  test('what is no key at all does not look post-quantum', () => {
    const wrong = [null, undefined, 5, {}, [], { bytes: null }] as unknown as string[];
    for (const value of wrong) {
      assert.equal(looksHybrid(value), false);
      assert.equal(refusalOf(() => PublicKey.from(value)).code, 'invalid_key');
    }
    assert.equal(looksHybrid('SOTTOPQ1QQQQ'), true);
  });
});

describe('identities', () => {
  test('are never made of a public key', () => {
    const publicForms = [
      ALICE.publicKey.toString(),
      ` ${ALICE.publicKey.toString().toUpperCase()}`,
      ALICE.publicKey as unknown as string,
    ];
    for (const value of publicForms) {
      const error = refusalOf(() => Identity.from(value));
      assert.equal(error.code, 'invalid_key');
      assert.match(error.message, /is a public key/);
    }
  });

  test('never show their secret, even to an inspection that calls getters', () => {
    const shown = inspect({ nested: [ALICE] }, { depth: 9, showHidden: true, getters: true });
    assert.match(shown, /Identity\(sotto1/);
    assert.ok(!shown.includes('193, 78'), shown); // the first bytes of the secret
    assert.deepEqual(Object.keys({ ...ALICE }), ['publicKey']);
  });

  test('keep their own copy of the private key', () => {
    for (const buffer of [decodeHex(PRIVATE), Buffer.from(PRIVATE, 'hex')]) {
      const identity = Identity.from(buffer);
      buffer.fill(0);
      identity.privateKey.fill(0);
      assert.equal(identity.toHex(), PRIVATE);
    }
  });

  test('derive the post-quantum seed by HKDF-SHA256', () => {
    const info = 'sotto/identity/mlkem768-x25519';
    const seed = new Uint8Array(hkdfSync('sha256', decodeHex(PRIVATE), '', info, 32));
    assert.deepEqual(ALICE.hybridSeed, seed);
  });
});

describe('PEM', () => {
  test('of OpenSSL reads to the key pair that OpenSSL prints, and ours reads there', () => {
    const identity = Identity.fromPem(OPENSSL.pem);
    assert.equal(identity.toHex(), OPENSSL.privateKey);
    assert.equal(encodeHex(identity.publicKey.bytes), OPENSSL.publicKey);
    const { x } = createPublicKey(createPrivateKey(ALICE.toPem())).export({ format: 'jwk' });
    assert.equal(x, Buffer.from(ALICE.publicKey.bytes).toString('base64url'));
  });

  test('may carry the public key too (RFC 5958), if it is the right one', () => {
    const start = concat(decodeHex('3051020101300506032b656e04220420'), ALICE.privateKey);
    const right = concat(start, decodeHex('812100'), ALICE.publicKey.bytes);
    assert.equal(Identity.fromPem(pemOf(right)).toHex(), PRIVATE);
    const another = concat(start, decodeHex('812100'), Identity.generate().publicKey.bytes);
    for (const wrong of [another, right.subarray(0, -1), concat(right, Uint8Array.of(0)), start]) {
      assert.equal(refusalOf(() => Identity.fromPem(pemOf(wrong))).code, 'invalid_key');
    }
  });

  test('under a passphrase is refused with the command that converts it', () => {
    assert.match(refusalOf(() => Identity.fromPem(OPENSSL.encrypted)).message, /openssl pkey -in/);
  });

  test('with any byte before the key changed is refused', () => {
    const der = Buffer.from(OPENSSL.pem.split('\n')[1] ?? '', 'base64');
    for (let at = 0; at < der.length - 32; at++) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(refusalOf(() => Identity.fromPem(pemOf(changed))).code, 'invalid_key', `byte ${at}`);
    }
  });
});

describe('the text of key files', () => {
  test('sealed, with any single bit changed, is refused', async () => {
    const text = await encodeKeyFile(ALICE.privateKey, ALICE.publicKey.toString(), 'pass', CHEAP);
    assert.deepEqual(await decodeKeyFile(text, 'pass'), ALICE.privateKey);
    for (const changed of eachBitChanged(text)) {
      const error = await refusalOfFile(changed, 'pass');
      assert.ok(['key_file_invalid', 'wrong_passphrase'].includes(error.code), changed);
    }
  });

  test('plain, with any single bit changed, is refused, or means the same key', async () => {
    const text = await encodeKeyFile(ALICE.privateKey, ALICE.publicKey.toString(), undefined);
    let refused = 0;
    for (const changed of eachBitChanged(text)) {
      const result = await decodeKeyFile(changed, undefined).catch((error: unknown) => error);
      if (result instanceof SottoError) refused++;
      // X25519 ignores five bits of a private key.
      else assert.ok(Identity.from(result as Uint8Array).publicKey.equals(ALICE.publicKey), changed);
    }
    assert.ok(refused >= text.length * 8 - 5);
  });

  test('damaged in any place shows no piece of the key, not even in the cause', async () => {
    const text = await encodeKeyFile(ALICE.privateKey, ALICE.publicKey.toString(), undefined);
    for (const whole of [text, PRIVATE]) {
      for (let at = 0; at <= whole.length; at++) {
        const damaged = `${whole.slice(0, at)}g${whole.slice(at + 1)}`;
        const shown = inspect(await refusalOfFile(damaged), { depth: 9 });
        assert.ok(!showsSecret(shown), shown);
      }
    }
  });

  test('has no fields that nobody asked for', async () => {
    const sealed = await encodeKeyFile(ALICE.privateKey, ALICE.publicKey.toString(), 'pass', CHEAP);
    const plain = await encodeKeyFile(ALICE.privateKey, ALICE.publicKey.toString(), undefined);
    const fields = JSON.parse(sealed) as { kdf: object };
    for (const added of [
      { ...fields, note: 'x' },
      { ...fields, ...JSON.parse(plain) },
      { ...fields, kdf: { ...fields.kdf, note: 'x' } },
      { ...JSON.parse(plain), note: 'x' },
    ]) {
      assert.equal((await refusalOfFile(JSON.stringify(added), 'pass')).code, 'key_file_invalid');
    }
  });

  test('cannot make scrypt take more than its bounds, nor what scrypt does not take', async () => {
    const sealed = await encodeKeyFile(ALICE.privateKey, ALICE.publicKey.toString(), 'pass', CHEAP);
    const fields = JSON.parse(sealed) as { kdf: object };
    for (const cost of [
      { N: 2 ** 21 },
      { r: 33 },
      { p: 17 },
      { N: 2 ** 20, r: 32 }, // 4 GiB
      { N: 2 ** 17, r: 1 }, // RFC 7914 wants N below 2^(16 r)
      { N: 1 },
      { N: 0 },
      { N: -16 },
      { N: 16.5 },
      { N: '16' },
    ]) {
      const text = JSON.stringify({ ...fields, kdf: { ...fields.kdf, ...cost } });
      assert.equal((await refusalOfFile(text, 'pass')).code, 'key_file_invalid', JSON.stringify(cost));
    }
  });

  test('takes a passphrase however its letters are composed, and never seals twice alike', async () => {
    const seal = (passphrase: string): Promise<string> =>
      encodeKeyFile(ALICE.privateKey, ALICE.publicKey.toString(), passphrase, CHEAP);
    const sealed = await seal('caf\u00e9');
    assert.deepEqual(await decodeKeyFile(sealed, 'cafe\u0301'), ALICE.privateKey);
    assert.equal((await refusalOfFile(sealed, 'cafe')).code, 'wrong_passphrase');
    assert.equal((await refusalOfFile(sealed)).code, 'passphrase_required');
    const [first, second] = [sealed, await seal('caf\u00e9')].map((text) => JSON.parse(text));
    for (const name of ['nonce', 'ciphertext', 'kdf']) assert.notDeepEqual(first[name], second[name]);
  });

  test('of any other kind is refused in one way only', async () => {
    const sealed = await encodeKeyFile(ALICE.privateKey, ALICE.publicKey.toString(), 'pass', CHEAP);
    const fields = JSON.parse(sealed) as Record<string, unknown>;
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant({ toString: 1, valueOf: 1 }));
    const name = fc.constantFrom(...Object.keys(fields), 'privateKey', '__proto__', 'toString');
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.tuple(name, value).map(([key, each]) => JSON.stringify({ ...fields, [key]: each })),
      name.map((key) => JSON.stringify({ ...fields, [key]: undefined })),
      fc.nat(sealed.length - 1).map((length) => sealed.slice(0, length)),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        fc.pre(JSON.stringify(jsonOf(text)) !== JSON.stringify(fields));
        await refusalOfFile(text, 'pass');
        refusalOf(() => Identity.fromPem(text));
        refusalOf(() => PublicKey.from(text));
        refusalOf(() => Identity.from(text));
      }),
      { numRuns: 1000 },
    );
  });
});

function pemOf(der: Uint8Array): string {
  const body =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${body.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

function* eachBitChanged(text: string): Generator<string> {
  for (let at = 0; at < text.length; at++) {
    for (let bit = 1; bit < 256; bit <<= 1) {
      yield text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ bit) + text.slice(at + 1);
    }
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
