/** What lonelyps signs, byte for byte, by the golden vectors. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import { signedOperation } from '../../src/conformance/testee/lonelyps-operation.ts';
import {
  decodeBearer,
  decodeHmacHeader,
  encodeBearer,
  encodeHmacHeader,
  signedBytes,
} from '../../src/wire/lonelyps-authorization.ts';
import { vectorsOf } from '../support/lonelyps-vectors.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Vector {
  readonly kind: string;
  readonly name: string;
  readonly operation: string;
  readonly operations?: readonly string[];
  readonly fields: Fields;
  readonly timestamp: number;
  readonly nonce: string;
  readonly secret: string;
  readonly token: string;
  readonly to_sign: string;
  readonly authorization: string | null;
  readonly result: string;
}

function signed(vector: Vector, timestamp: number, nonce: string): Uint8Array {
  return signedBytes(signedOperation(vector.operation, vector.fields), { timestamp, nonce, tracing: decodeHex(String(vector.fields.tracing)) });
}

function codeOf(vector: Vector, timestamp: number, nonce: string): Uint8Array {
  const key = Buffer.from(vector.secret, 'base64url');
  return new Uint8Array(createHmac('sha512', key).update(signed(vector, timestamp, nonce)).digest());
}

describe('signed bytes and the header', () => {
  for (const vector of vectorsOf<Vector>('auth-hmac')) {
    test(vector.name, () => {
      const { timestamp, nonce } = vector;
      assert.equal(encodeHex(signed(vector, timestamp, nonce)), vector.to_sign);
      const header = { timestamp, nonce, code: codeOf(vector, timestamp, nonce) };
      assert.equal(encodeHmacHeader(header), vector.authorization);
      assert.deepEqual(decodeHmacHeader(vector.authorization ?? ''), header);
    });
  }
  for (const vector of vectorsOf<Vector>('auth-hmac-error')) {
    test(`${vector.name} is refused`, () => {
      assert.throws(() => signed(vector, 0, ''), { code: 'out_of_bounds' });
    });
  }
});

describe('headers that come', () => {
  for (const vector of vectorsOf<Vector>('auth-hmac-verify')) {
    const { authorization, result } = vector;
    if (authorization === null) continue;
    // The clock is the verifier's business: here the header is read, and its code is that of what was signed.
    const isTimely = !/\d s (later|before)$/.test(vector.name) || result === 'OK';
    test(vector.name, () => {
      const header = decodeHmacHeader(authorization);
      const code = header && codeOf(vector, header.timestamp, header.nonce);
      const isGood = header !== null && encodeHex(header.code) === encodeHex(code ?? new Uint8Array(0));
      if (isTimely) assert.equal(isGood, result === 'OK');
      else assert.ok(isGood);
    });
  }
  for (const { name, authorization, token, result } of vectorsOf<Vector>('auth-token-verify')) {
    test(name, () => {
      assert.equal(decodeBearer(authorization ?? '') === token, result === 'OK');
    });
  }
  for (const { name, authorization, token } of vectorsOf<Vector>('auth-token')) {
    test(name, () => assert.equal(encodeBearer(token), authorization));
  }
});
