/** Published vectors against both sets of primitives: Wycheproof, the ML-KEM and X-Wing known answers. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { x25519 } from '@noble/curves/ed25519.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { concat, concatAll, EMPTY } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import { decapsulate, encapsulate, hybridKeyFromSeed } from '../../src/envelope/kem.ts';
import { noisePrimitives as node } from '../../src/platform/node/noise-crypto.ts';
import type { Aead, Primitives } from '../../src/platform/types.ts';
import { noisePrimitives as web } from '../../src/platform/web/noise-crypto.ts';

type Hex = Readonly<Record<string, string>>;

interface Wycheproof {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly keySize: number;
    readonly ivSize: number;
    readonly tests: readonly (Hex & { readonly tcId: number; readonly result: 'valid' | 'invalid' | 'acceptable' })[];
  }[];
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`crypto/${name}.json`, import.meta.url), 'utf8')) as T;
}

function hex(fields: Hex, name: string): Uint8Array {
  return decodeHex(fields[name] ?? assert.fail(`no ${name}`));
}

const mlKem = load<{ vectors: readonly Hex[]; unreducedPublicKeys: readonly string[] }>('ml-kem-768');
const hybrid = load<{ vectors: readonly Hex[] }>('mlkem768-x25519');
const wycheproofX25519 = load<Wycheproof>('wycheproof-x25519');
const wycheproofGcm = load<Wycheproof>('wycheproof-aes-gcm');
const wycheproofChaCha = load<Wycheproof>('wycheproof-chacha20-poly1305');

for (const primitives of [node, web]) {
  await primitives.loadPostQuantum();
  describe(`on ${primitives.name} primitives`, () => {
    test('Wycheproof X25519: every secret, and every all-zero one refused', () => {
      let run = 0;
      for (const vector of wycheproofX25519.testGroups.flatMap(({ tests }) => tests)) {
        const agree = (): Uint8Array =>
          primitives.x25519.agree(
            primitives.x25519.importPrivate(hex(vector, 'private')),
            primitives.x25519.importPublic(hex(vector, 'public')),
          );
        if (/^0+$/.test(vector.shared ?? '')) {
          assert.throws(agree, { code: 'low_order_point' }, `test ${vector.tcId}`);
        } else {
          assert.equal(encodeHex(agree()), vector.shared, `test ${vector.tcId}`);
        }
        run += 1;
      }
      assert.equal(run, wycheproofX25519.numberOfTests);
    });

    test('Wycheproof AES-GCM, 96-bit nonces: opens what is valid, refuses the rest, seals to the same bytes', () => {
      assert.equal(runAead(primitives.aesGcm, wycheproofGcm), 97);
    });

    test('Wycheproof ChaCha20-Poly1305: opens what is valid, refuses the rest, seals to the same bytes', () => {
      assert.equal(runAead(primitives.chaCha20Poly1305, wycheproofChaCha), 316);
    });

    test('both ciphers seal parts as if joined, and refuse what has no room for a tag', () => {
      const [key, nonce, associatedData] = [new Uint8Array(32).fill(1), new Uint8Array(12), Uint8Array.of(7)];
      for (const aead of [primitives.aesGcm, primitives.chaCha20Poly1305]) {
        const [whole, parts] = [new Uint8Array(5 + 16), new Uint8Array(3 + 5 + 16)];
        aead.seal(key, nonce, associatedData, [Uint8Array.of(1, 2, 3, 4, 5)], whole, 0);
        aead.seal(key, nonce, associatedData, [Uint8Array.of(1, 2), Uint8Array.of(3, 4, 5)], parts, 3);
        assert.deepEqual(parts.subarray(3), whole);
        for (const length of [0, 15, 16, 20]) {
          assert.equal(aead.open(key, nonce, associatedData, whole.subarray(0, length)), null);
        }
      }
    });

    test('ML-KEM-768: keys from seeds, and secrets from ciphertexts', () => {
      assert.equal(mlKem.vectors.length, 100);
      for (const vector of mlKem.vectors) {
        const { privateKey, publicKey } = primitives.mlKem768.fromSeed(hex(vector, 'seed'));
        assert.equal(encodeHex(publicKey), vector.publicKey);
        assert.equal(encodeHex(primitives.mlKem768.decapsulate(privateKey, hex(vector, 'ciphertext'))), vector.sharedSecret);
        const fresh = primitives.mlKem768.encapsulate(publicKey);
        assert.deepEqual(primitives.mlKem768.decapsulate(privateKey, fresh.ciphertext), fresh.sharedSecret);
      }
    });

    test('ML-KEM-768: public keys that are not reduced, or of another length, are refused', () => {
      assert.equal(mlKem.unreducedPublicKeys.length, 40);
      for (const publicKey of mlKem.unreducedPublicKeys) {
        assert.throws(() => primitives.mlKem768.encapsulate(decodeHex(publicKey)), { code: 'invalid_key' });
      }
      for (const length of [0, 1183, 1185]) {
        assert.throws(() => primitives.mlKem768.encapsulate(new Uint8Array(length)), { code: 'invalid_key' });
      }
    });

    test('MLKEM768-X25519: the known answers of the IETF', () => {
      for (const vector of hybrid.vectors) {
        const key = hybridKeyFromSeed(primitives, hex(vector, 'seed'));
        assert.equal(encodeHex(key.publicKey.subarray(0, 32)), vector.publicKeyPrefix);
        const derandomized = withRandomness(primitives, hex(vector, 'randomness'));
        const { sharedSecret, ciphertext } = encapsulate(derandomized, key.publicKey);
        assert.ok(encodeHex(ciphertext).startsWith(vector.ciphertextPrefix ?? 'none'));
        assert.equal(encodeHex(sharedSecret), vector.sharedSecret);
        assert.deepEqual(decapsulate(primitives, key, ciphertext), sharedSecret);
      }
    });

    test('MLKEM768-X25519: low-order points and wrong lengths are refused', () => {
      const key = hybridKeyFromSeed(primitives, new Uint8Array(32));
      const { ciphertext } = encapsulate(primitives, key.publicKey);
      assert.throws(() => decapsulate(primitives, key, ciphertext.fill(0, 1088)), { code: 'low_order_point' });
      assert.throws(() => encapsulate(primitives, key.publicKey.slice().fill(0, 1184)), { code: 'low_order_point' });
      assert.throws(() => encapsulate(primitives, key.publicKey.subarray(1)), { code: 'invalid_key' });
    });
  });
}

/** How many vectors there were with nonces and keys of the sizes that we use. */
function runAead(aead: Aead, { testGroups }: Wycheproof): number {
  const groups = testGroups.filter(({ keySize, ivSize }) => keySize !== 192 && ivSize === 96);
  const vectors = groups.flatMap(({ tests }) => tests);
  for (const vector of vectors) {
    const [key, nonce, associatedData] = [hex(vector, 'key'), hex(vector, 'iv'), hex(vector, 'aad')];
    const sealed = concat(hex(vector, 'ct'), hex(vector, 'tag'));
    const opened = aead.open(key, nonce, associatedData, sealed);
    if (vector.result === 'invalid') {
      assert.equal(opened, null, `test ${vector.tcId}`);
      continue;
    }
    assert.equal(encodeHex(opened ?? assert.fail(`test ${vector.tcId}`)), vector.msg);
    const out = new Uint8Array(sealed.length);
    aead.seal(key, nonce, associatedData, [hex(vector, 'msg')], out, 0);
    assert.deepEqual(out, sealed, `test ${vector.tcId}`);
    const parts = aead.sealParts(key, nonce, associatedData, [hex(vector, 'msg'), EMPTY]);
    assert.deepEqual(concatAll(parts), sealed, `test ${vector.tcId}`);
  }
  return vectors.length;
}

test('ML-KEM-768: encapsulation from known randomness', () => {
  for (const vector of mlKem.vectors) {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(hex(vector, 'publicKey'), hex(vector, 'entropy'));
    assert.deepEqual([encodeHex(cipherText), encodeHex(sharedSecret)], [vector.ciphertext, vector.sharedSecret]);
  }
});

/** The first 32 bytes are ML-KEM's randomness, the last 32 the ephemeral X25519 key. Only noble can be told them. */
function withRandomness(primitives: Primitives, randomness: Uint8Array): Primitives {
  const ephemeral = randomness.subarray(32);
  return {
    ...primitives,
    mlKem768: {
      ...primitives.mlKem768,
      encapsulate(publicKey) {
        const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, randomness.subarray(0, 32));
        return { ciphertext: cipherText, sharedSecret };
      },
    },
    x25519: {
      ...primitives.x25519,
      generate: () => ({
        privateKey: primitives.x25519.importPrivate(ephemeral),
        publicKey: x25519.getPublicKey(ephemeral),
      }),
    },
  };
}
