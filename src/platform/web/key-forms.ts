/** A page has no key files, so nothing of how they are written; hex is the form for what it keeps. */

import { SottoError } from '../../errors.ts';
import { noKeyFiles } from './files.ts';

export function encodeKeyFile(): Promise<string> {
  return noKeyFiles.write();
}

export function decodeKeyFile(): Promise<Uint8Array> {
  return noKeyFiles.read();
}

export function looksLikePem(): boolean {
  return false;
}

export function encodePem(): string {
  throw noPem();
}

export function decodePem(): { privateKey: Uint8Array; publicKey: Uint8Array | null } {
  throw noPem();
}

function noPem(): SottoError {
  const text =
    'A browser has no PEM; use Identity.from and Identity.toHex (`sotto keygen FILE --import PEM` converts).';
  return new SottoError('unsupported_platform', text);
}
