/** No browser speaks the wires that need these. */

import { SottoError } from '../../errors.ts';
import type { LegacyCrypto } from '../types.ts';

export const legacyCrypto: LegacyCrypto = {
  rsa: {
    importPrivate: unsupported,
    importPublic: unsupported,
    importPublicDer: unsupported,
    exportPublicDer: unsupported,
    generate: unsupported,
    size: unsupported,
    encryptRaw: unsupported,
    decryptRaw: unsupported,
    encryptOaep: unsupported,
    decryptOaep: unsupported,
  },
  aes256Cfb8: { encrypt: unsupported, decrypt: unsupported },
};

function unsupported(): never {
  throw new SottoError('unsupported_platform', 'A browser cannot use the legacy ciphers.');
}
