/** Who has recorded all that was sent, and takes all keys that are left. */

import { type Bytes, EMPTY } from '../../src/bytes/bytes.ts';
import { encodeHex } from '../../src/bytes/text.ts';
import type { SealedMessage } from '../../src/envelope/rekey.ts';
import type { NoisePrimitives } from '../../src/platform/types.ts';

export interface Recorded {
  readonly watched: NoisePrimitives;
  /** All secrets; `agreed` and `keys` are those that came of a Diffie-Hellman, and those that a cipher was given. */
  readonly seen: Set<Bytes>;
  readonly agreed: Set<Bytes>;
  readonly keys: Set<Bytes>;
}

/** Primitives that remember every secret they were given or gave: the same arrays, so what is overwritten later is gone. */
export function recording(primitives: NoisePrimitives): Recorded {
  const [seen, agreed, keys] = [new Set<Bytes>(), new Set<Bytes>(), new Set<Bytes>()];
  const { aesGcm, x25519, hkdfSha256 } = primitives;
  const note = (bytes: Bytes, also?: Set<Bytes>): Bytes => {
    seen.add(bytes);
    also?.add(bytes);
    return bytes;
  };
  const watched: NoisePrimitives = {
    ...primitives,
    hkdfSha256: (secret, salt, info, length) => note(hkdfSha256(note(secret), note(salt), info, length)),
    x25519: { ...x25519, agree: (ours, theirs) => note(x25519.agree(ours, theirs), agreed) },
    aesGcm: {
      ...aesGcm,
      seal: (key, ...rest) => aesGcm.seal(note(key, keys), ...rest),
      open: (key, ...rest) => aesGcm.open(note(key, keys), ...rest),
    },
  };
  return { watched, seen, agreed, keys };
}

export function areOverwritten(secrets: ReadonlySet<Bytes>): boolean {
  return secrets.size > 0 && [...secrets].every((each) => each.every((byte) => byte === 0));
}

/** What a thief could use as keys: all that is left, and all that can be derived from any two of it. */
export function keysIn({ hkdfSha256 }: NoisePrimitives, seen: ReadonlySet<Bytes>): Bytes[] {
  const found = new Map<string, Bytes>();
  for (const bytes of seen) {
    for (const block of blocksOf(bytes))
      if (block.some((byte) => byte !== 0)) found.set(encodeHex(block), block);
  }
  const left = [...found.values()];
  const derived = left.flatMap((salt) =>
    [EMPTY, ...left].flatMap((secret) => blocksOf(hkdfSha256(secret, salt, EMPTY, 96))),
  );
  return [...left, ...derived];
}

function blocksOf(bytes: Bytes): Bytes[] {
  return Array.from({ length: Math.floor(bytes.length / 32) }, (_, at) => bytes.slice(32 * at, 32 * at + 32));
}

export function opened(
  { aesGcm }: NoisePrimitives,
  keys: readonly Bytes[],
  messages: readonly SealedMessage[],
): SealedMessage[] {
  return messages.filter(({ nonce, ciphertext }) => {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setBigUint64(4, nonce);
    return keys.some((key) => aesGcm.open(key, bytes, EMPTY, ciphertext) !== null);
  });
}
