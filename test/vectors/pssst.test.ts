/** The golden vectors made by running pypssst, on both sets of primitives. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import type { Fields } from '../../src/conformance/case.ts';
import { bytesOf, textsOf } from '../../src/conformance/fields.ts';
import type { Operations } from '../../src/conformance/testee/operations.ts';
import { clientOf, pssstOperations } from '../../src/conformance/testee/pssst.ts';
import { codeOf, SottoError } from '../../src/errors.ts';
import { primitives as node } from '../../src/platform/node/crypto.ts';
import type { Primitives } from '../../src/platform/types.ts';
import { primitives as web } from '../../src/platform/web/crypto.ts';

interface Vector {
  readonly name: string;
  readonly op: string;
  readonly input: Fields;
  readonly output?: Fields;
  readonly error?: { kind: string };
  readonly originals_differ?: object;
}

const file = JSON.parse(readFileSync(new URL('../../conformance/vectors/pssst.json', import.meta.url), 'utf8')) as { vectors: Vector[] };

/** The vectors' kinds of error, in our codes. */
const CODES: Readonly<Record<string, string>> = {
  truncated: 'packet_too_short',
  'unsupported-cipher': 'unsupported_cipher',
  'not-request': 'not_a_request',
  'not-reply': 'not_a_reply',
  'reply-mismatch': 'reply_mismatch',
  'decrypt-failed': 'decrypt_failed',
  'client-auth-failed': 'client_auth_failed',
  'low-order-point': 'low_order_point',
  'handler-reused': 'handler_reused',
  'bad-key': 'invalid_key',
};

/** As the conformance kit asks them; why a reply of a sequence is refused, it does not ask. */
function operationsOf(primitives: Primitives): Operations {
  return {
    ...pssstOperations(primitives),
    'unpack-reply-sequence'(input) {
      const { unpackReply } = clientOf(primitives, input).packRequest(bytesOf(input, 'message'));
      const results = textsOf(input, 'replies').map((reply) => {
        try {
          return { message: encodeHex(unpackReply(decodeHex(reply))) };
        } catch (error) {
          return { error: Object.keys(CODES).find((kind) => CODES[kind] === codeOf(error)) };
        }
      });
      return { results };
    },
  };
}

for (const primitives of [node, web]) {
  describe(`pypssst vectors on ${primitives.name} primitives`, () => {
    const operations = operationsOf(primitives);
    for (const vector of file.vectors) {
      test(`${vector.op}: ${vector.name}`, () => {
        const operation = operations[vector.op];
        assert.ok(operation, `nothing runs ${vector.op}`);
        if (vector.originals_differ) {
          // pypssst does not notice a flipped unknown flag bit; we do, as gopssst does (specs/pssst.md, section 5).
          assert.throws(() => operation(vector.input), { code: 'decrypt_failed' });
        } else if (vector.error) {
          const code = CODES[vector.error.kind];
          assert.ok(code, `no code for ${vector.error.kind}`);
          assert.throws(
            () => operation(vector.input),
            (error) => error instanceof SottoError && error.code === code,
          );
        } else {
          // A request's parts are derived again: `derive` has its own vectors.
          const output = vector.op === 'pack-request' ? { ...vector.output } : {};
          assert.deepEqual({ ...output, ...operation(vector.input) }, vector.output);
        }
      });
    }
  });
}

test('every vector of the file is run', () => {
  assert.equal(file.vectors.length, 189);
});
