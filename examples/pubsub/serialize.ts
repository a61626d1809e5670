/**
 * The second example in the README of lonelypsp: writes a SUBSCRIBE of revision 0.0.11, as the README has it, byte by byte.
 *
 *   node examples/pubsub/serialize.ts
 */

import { encode } from 'sotto/pubsub/wire';

const message = encode(
  {
    type: 'subscribe-exact',
    authorization: null,
    tracing: new Uint8Array(0), // 0.0.11 has none yet
    topic: new TextEncoder().encode('foo/bar'),
  },
  { minimalHeaders: true, revision: '0.0.11' },
);
console.log(asPython(message));

/** `b'\x00…'`, as the README shows it. */
function asPython(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  );
  return `b'${text.join('')}'`;
}
