/** What lonelyps signs, byte for byte, by the golden vectors. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import {
  decodeBearer,
  decodeHmacHeader,
  encodeBearer,
  encodeHmacHeader,
  type SignedOperation,
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

const KINDS: Readonly<Record<string, SignedOperation['kind']>> = {
  subscribe_exact: 'subscribe-exact',
  subscribe_glob: 'subscribe-glob',
  notify: 'notify',
  stateful_configure: 'configure',
  check_subscriptions: 'check',
  set_subscriptions: 'set',
  stateful_continue_receive: 'continue-receive',
  confirm_receive: 'confirm-receive',
  confirm_missed: 'confirm-missed',
  receive: 'receive',
  missed: 'missed',
  confirm_subscribe_exact: 'confirm-exact',
  confirm_subscribe_glob: 'confirm-glob',
  confirm_notify: 'confirm-notify',
  check_subscriptions_response: 'confirm-check',
  set_subscriptions_response: 'confirm-set',
  stateful_confirm_configure: 'confirm-configure',
  stateful_enable_zstd_preset: 'enable-zstd-preset',
  stateful_enable_zstd_custom: 'enable-zstd-custom',
  stateful_disable_zstd_custom: 'disable-zstd-custom',
  stateful_continue_notify: 'continue-notify',
};

const big = (value: unknown): bigint => BigInt(String(value));
const bytes = (value: unknown): Uint8Array => decodeHex(String(value));
const same = (value: unknown): unknown => value;

/** Our member for each of the Python's fields, and how it is read. */
const MEMBERS: Readonly<Record<string, readonly [string, (value: unknown) => unknown]>> = {
  exact: ['topic', bytes],
  topic: ['topic', bytes],
  identifier: ['identifier', bytes],
  message_sha512: ['sha512', bytes],
  sha512: ['sha512', bytes],
  etag: ['etag', bytes],
  subscriber_nonce: ['nonce', bytes],
  broadcaster_nonce: ['nonce', bytes],
  enable_zstd: ['enableZstd', same],
  enable_training: ['enableTraining', same],
  initial_dict: ['initialDictionary', same],
  num_subscribers: ['subscribers', same],
  part_id: ['part', big],
  compressor_identifier: ['compressor', big],
  compression_level: ['level', same],
  min_size: ['minSize', same],
  max_size: ['maxSize', big],
};

function operationOf({ operation, fields }: Vector): SignedOperation {
  const members = Object.entries(fields).map(([name, value]) => {
    const [member, read] = MEMBERS[name] ?? [name, same];
    return [member, read(value)];
  });
  return { kind: KINDS[operation], ...Object.fromEntries(members) } as SignedOperation;
}

function signed(vector: Vector, timestamp: number, nonce: string): Uint8Array {
  return signedBytes(operationOf(vector), { timestamp, nonce, tracing: bytes(vector.fields.tracing) });
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
