/** The forms of private keys that files have; pages have none of them (`platform/web/key-forms.ts`). */

export { decodeKeyFile, encodeKeyFile } from './key-file.ts';
export { decodePem, encodePem, looksLikePem } from './pkcs8.ts';
