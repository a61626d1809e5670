/** What only the seeds' own wires need, by node:crypto; reached through options named `legacy` alone. */

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { messageOf, SottoError } from '../../errors.ts';
import type { LegacyCrypto, RsaKey, RsaPrivateKey, RsaPublicKey } from '../types.ts';

const CIPHER = 'aes-256-cfb8';
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
/** Node must be told the form; as `pkcs1` it takes private keys of PKCS 1 and PKCS 8 too, and derives the public one. */
const DER_TYPES = ['spki', 'pkcs1'] as const;

export const legacyCrypto: LegacyCrypto = {
  rsa: {
    importPrivate(pem, passphrase) {
      // An empty passphrase is refused by OpenSSL as one: never an interactive question.
      const key = rsaKey(() => createPrivateKey({ key: pem, passphrase: passphrase ?? '' }), passphrase);
      return handle<RsaPrivateKey>(key);
    },
    importPublic: (pem) => handle<RsaPublicKey>(rsaKey(() => createPublicKey(pem), undefined)),
    importPublicDer,
    exportPublicDer(key) {
      const known = keyObject(key);
      const publicKey = known.type === 'private' ? createPublicKey(known) : known;
      return plain(publicKey.export({ type: 'spki', format: 'der' }));
    },
    generate(bits, passphrase) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
      const sealed = passphrase === undefined ? {} : { cipher: 'des-ede3-cbc', passphrase };
      return {
        privatePem: privateKey.export({ type: 'pkcs1', format: 'pem', ...sealed }).toString(),
        publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      };
    },
    size: (key) => (keyObject(key).asymmetricKeyDetails?.modulusLength ?? 0) / 8,
    encryptRaw: (key, block) =>
      plain(publicEncrypt({ key: keyObject(key), padding: constants.RSA_NO_PADDING }, block)),
    decryptRaw: (key, block) =>
      plain(privateDecrypt({ key: keyObject(key), padding: constants.RSA_NO_PADDING }, block)),
    encryptOaep: (key, data) => plain(publicEncrypt({ key: keyObject(key), ...OAEP }, data)),
    decryptOaep: (key, block) => plain(privateDecrypt({ key: keyObject(key), ...OAEP }, block)),
  },
  aes256Cfb8: {
    encrypt: (key, iv, data) => plain(createCipheriv(CIPHER, key, iv).update(data)),
    decrypt: (key, iv, data) => plain(createDecipheriv(CIPHER, key, iv).update(data)),
  },
};

function rsaKey(make: () => KeyObject, passphrase: string | undefined): KeyObject {
  let key: KeyObject;
  try {
    key = make();
  } catch (cause) {
    const sealed = /passphrase|bad decrypt|bad password/i.test(messageOf(cause));
    if (sealed && passphrase === undefined) {
      throw new SottoError('passphrase_required', 'This RSA key is sealed under a passphrase; give it.');
    }
    if (sealed) throw new SottoError('wrong_passphrase', 'The passphrase does not open this RSA key.');
    throw new SottoError('invalid_key', 'This is not an RSA key as PEM text.', { cause });
  }
  if (key.asymmetricKeyType === 'rsa') return key;
  throw new SottoError('invalid_key', `This is a key of type ${key.asymmetricKeyType}, not RSA.`);
}

function importPublicDer(der: Uint8Array): RsaPublicKey {
  const key = Buffer.from(der.buffer, der.byteOffset, der.byteLength); // no copy: it may hold a private key
  for (const type of DER_TYPES) {
    try {
      const found = createPublicKey({ key, format: 'der', type });
      if (found.asymmetricKeyType === 'rsa') return handle<RsaPublicKey>(publicPartOf(found));
    } catch {
      // Another form, or none: said below, without a word of what the bytes were.
    }
  }
  throw new SottoError('invalid_key', 'These bytes are no RSA key in DER.');
}

/** Read anew, since a public key object that was derived from a private key holds all of it still. */
function publicPartOf(key: KeyObject): KeyObject {
  return createPublicKey({ key: key.export({ type: 'spki', format: 'der' }), format: 'der', type: 'spki' });
}

function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// The handles of types.ts are key objects here; these two functions are the only place that knows.
function handle<Handle>(key: KeyObject): Handle {
  return key as unknown as Handle;
}

function keyObject(key: RsaKey): KeyObject {
  return key as unknown as KeyObject;
}
