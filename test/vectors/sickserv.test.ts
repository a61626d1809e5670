/** The golden vectors made by running sickserv 0.0.1 to 0.1.3, and where we differ from them on purpose. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import { dialectOf, withBytes } from '../../src/conformance/sickserv-values.ts';
import { newKeyFor } from '../../src/session/legacy/keys.ts';
import { splitEndpoint } from '../../src/session/legacy/options.ts';
import { codecs, processPayload, unprocessPayload } from '../../src/session/legacy/payload.ts';
import {
  decryptSickserv,
  encodeSickservJson,
  encryptSickserv,
  type SickservPayload,
  type SickservVersion,
  sickservHabits,
  sickservPath,
  sickservUrl,
} from '../../src/wire/sickserv.ts';

interface Vector {
  readonly name: string;
  readonly op: string;
  readonly input: Readonly<Record<string, unknown>> & { readonly version: SickservVersion; readonly key: string };
  readonly output?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly kind: string };
  readonly compare?: string;
}

const file = JSON.parse(readFileSync(new URL('../../conformance/vectors/sickserv.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
};

/** What the kinds of the vectors are called here. */
const CODES: Readonly<Record<string, string>> = {
  'unsupported-value': 'invalid_body',
  'bad-hex': 'invalid_text',
  'wrong-key': 'decrypt_failed',
  'bad-frame': 'invalid_message',
  'bad-value': 'invalid_body',
  'not-a-map': 'invalid_argument',
  'no-endpoint': 'invalid_argument',
};

/** Another code, and why. */
const OTHER_CODES: Readonly<Record<string, string>> = {
  'rc4 empty key': 'invalid_key', // it is the key that cannot be used
};

/** The originals fail by their own fault; ours does not. */
const REKEYS_OF_OURS: readonly string[] = [
  '0.0.1 rekey chosen',
  '0.0.2 rekey chosen',
  '0.0.4 rekey random 16',
  '0.0.4 rekey random 32',
  '0.0.4 rekey chosen',
];

function vectorsOf(op: string): Vector[] {
  const vectors = file.vectors.filter((vector) => vector.op === op);
  assert.ok(vectors.length > 0, op);
  return vectors;
}

function payloadOf(value: unknown): SickservPayload {
  return withBytes(value) as SickservPayload;
}

function as(version: SickservVersion) {
  return { dialect: dialectOf(version), version, legacy: true } as const;
}

function codeOf({ name, error }: Vector): string {
  return OTHER_CODES[name] ?? CODES[error?.kind ?? ''] ?? assert.fail(`no code for ${error?.kind}`);
}

/** Expects the vector's output of `work`, or its error. */
function check(vector: Vector, work: () => unknown): void {
  if (vector.error) assert.throws(work, { code: codeOf(vector) });
  else assert.deepEqual(work(), withBytes(vector.output));
}

test('every vector is run here, and every exception names one', () => {
  const ops = ['rc4-encrypt', 'rc4-decrypt', 'process', 'unprocess', 'rekey', 'url'];
  assert.equal(file.vectors.length, 320);
  assert.equal(ops.flatMap(vectorsOf).length, 320);
  const names = new Set(file.vectors.map(({ name }) => name));
  assert.equal(names.size, 320);
  for (const name of [...REKEYS_OF_OURS, ...Object.keys(OTHER_CODES)]) assert.ok(names.has(name), name);
});

describe('RC4', () => {
  for (const vector of vectorsOf('rc4-encrypt')) {
    const { key, text } = vector.input;
    test(vector.name, () => check(vector, () => ({ hex: encryptSickserv(String(text), key, codecs) })));
  }
  for (const vector of vectorsOf('rc4-decrypt')) {
    const { key, hex } = vector.input;
    test(vector.name, () => check(vector, () => ({ text: decryptSickserv(String(hex), key, codecs) })));
  }
});

describe('payloads made', () => {
  for (const vector of vectorsOf('process')) {
    const { version, key } = vector.input;
    const payload = payloadOf(vector.input.payload);
    if (vector.name.startsWith('send ')) {
      test(vector.name, () => check(vector, () => splitEndpoint(payload)));
      continue;
    }
    test(vector.name, () => {
      const before = structuredClone(payload);
      if (vector.error) return check(vector, () => processPayload(key, payload, as(version)));
      const wire = processPayload(key, payload, as(version));
      assert.deepEqual(payload, before);
      assert.equal(encodeSickservJson(payload, sickservHabits(dialectOf(version), version)), vector.output?.json);
      // Frames of LZ4 differ from encoder to encoder; what is in them may not.
      if (vector.compare === undefined) assert.equal(wire, vector.output?.wire);
      else assert.equal(jsonWithin(wire, key), jsonWithin(String(vector.output?.wire), key));
      if (vector.compare === undefined) return;
      const [ours, theirs] = [wire, String(vector.output?.wire)].map((each) =>
        unprocessPayload(key, each, { ...as('0.0.3') }),
      );
      assert.deepEqual(ours, theirs);
    });
  }
});

/** The JSON of the lz4 dialect. */
function jsonWithin(wire: string, key: string): string {
  const frame = Buffer.from(decryptSickserv(wire, key, codecs), 'base64');
  return Buffer.from(codecs.decompress(frame, 1_000_000)).toString();
}

describe('payloads read', () => {
  for (const vector of vectorsOf('unprocess')) {
    const { version, key, wire } = vector.input;
    const read = (): unknown => unprocessPayload(key, String(wire), as(version));
    test(vector.name, () => check(vector, () => ({ payload: read() })));
    test(`${vector.name}, without a version`, () => {
      const dialect = dialectOf(version);
      const payload = (): SickservPayload => unprocessPayload(key, String(wire), { dialect, legacy: true });
      if (vector.error?.kind === 'bad-value' && vector.name.endsWith(': opened')) {
        return assert.ok(payload()); // bytes that are not UTF-8
      }
      if (vector.error) return assert.throws(payload, { code: codeOf(vector) });
      assert.deepEqual(hexed(payload()), hexed(withBytes(vector.output?.payload)));
    });
  }
});

/** Text and bytes alike, as hex. */
function hexed(value: unknown): unknown {
  if (typeof value === 'string') return encodeHex(Buffer.from(value));
  if (value instanceof Uint8Array) return encodeHex(value);
  if (Array.isArray(value)) return value.map(hexed);
  return Object.fromEntries(Object.entries(Object(value)).map(([name, member]) => [name, hexed(member)]));
}

describe('rekey', () => {
  for (const vector of vectorsOf('rekey')) {
    const { name, input, output, error } = vector;
    const { version, key } = input;
    const request = payloadOf(input.request);
    const read = (wire: unknown, under: string): unknown => hexed(unprocessPayload(under, String(wire), as(version)));
    test(name, () => {
      if (name === '0.1.3 rekey random 0') {
        assert.equal(error?.kind, 'rekey-broken');
        return assert.throws(() => newKeyFor(request), { code: 'invalid_body' });
      }
      const newKey = newKeyFor(request);
      if (request.key === '') assert.match(newKey, new RegExp(`^[a-z]{${request.length}}$`));
      else assert.equal(newKey, request.key);
      const wire = processPayload(key, request, as(version));
      if (error) return assert.ok(REKEYS_OF_OURS.includes(name), name);
      const drawn = String(output?.newKey);
      const reply = processPayload(key, { key: drawn }, as(version));
      if (dialectOf(version) === 'plain') {
        assert.deepEqual([wire, reply], [output?.requestWire, output?.replyWire]);
      }
      assert.deepEqual(read(output?.requestWire, key), hexed(request));
      assert.deepEqual(read(output?.replyWire, key), hexed({ key: drawn }));
      assert.ok(read(output?.nextWire, drawn));
    });
  }
});

describe('urls', () => {
  for (const { name, input, output } of vectorsOf('url')) {
    test(name, () => {
      const { version, server, port, endpoint, sysid } = input;
      const base = sickservUrl(String(server), Number(port), version);
      const path = sickservPath(String(endpoint), String(sysid), sickservHabits(dialectOf(version), version));
      assert.deepEqual({ method: 'POST', url: base + path }, output);
    });
  }
});
