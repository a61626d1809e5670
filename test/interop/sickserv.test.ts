/** Base64, JSON and RC4 of sickserv as Python has them, beyond the vectors: one child process is asked everything. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeHex } from '../../src/bytes/text.ts';
import { codecs, processPayload } from '../../src/session/legacy/payload.ts';
import { decodePythonBase64, encodePythonBase64 } from '../../src/wire/python-base64.ts';
import { encryptSickserv } from '../../src/wire/sickserv.ts';
import { askPython } from '../support/ask-python.ts';

const SEED = 20261121;
const RUNS = 3000;

/** RC4 by its definition; the rest is Python's own library. */
const PYTHON = `
import base64, binascii, json, sys

def rc4(key, data):
    key, box, j = [ord(c) % 256 for c in key], list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        yield byte ^ box[(box[i] + box[j]) % 256]

def decode(text):
    try:
        return base64.decodebytes(text.encode()).hex()
    except binascii.Error:
        return None

def seal(key, payload):
    values = {name: base64.encodebytes(value.encode()).decode() for name, value in payload}
    return bytes(rc4(key, json.dumps(values).encode())).hex().upper()

JOBS = {
    'decode': decode,
    'encode': lambda data: base64.encodebytes(bytes.fromhex(data)).decode(),
    'rc4': lambda both: bytes(rc4(both[0], both[1].encode())).hex().upper(),
    'seal': lambda both: seal(*both),
}
for line in sys.stdin:
    job, data = json.loads(line)
    print(json.dumps(JOBS[job](data)))
`;

function python(job: string, questions: readonly unknown[]): unknown[] {
  return askPython(
    PYTHON,
    questions.map((question) => [job, question]),
  );
}

function sample<T>(arbitrary: fc.Arbitrary<T>): T[] {
  return fc.sample(arbitrary, { seed: SEED, numRuns: RUNS });
}

const wellFormed = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => text.isWellFormed());
const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }).filter((text) => text.isWellFormed());

test('any text decodes to the bytes that Python decodes it to, or is refused as there', () => {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('A', 'b', '+', '/', '9', '=', '==') },
    { weight: 1, arbitrary: fc.constantFrom('\n', ' ', '-', '_', 'é', '🤫', '\0') },
  );
  const texts = sample(fc.array(piece, { maxLength: 14 }).map((parts) => parts.join('')));
  const ours = texts.map((text) => {
    try {
      return encodeHex(decodePythonBase64(text));
    } catch {
      return null;
    }
  });
  const theirs = python('decode', texts);
  assert.ok(theirs.includes(null) && theirs.some((each) => each !== null && each !== ''));
  assert.deepEqual(ours, theirs);
});

test('any bytes are encoded in the same lines', () => {
  const all = sample(fc.uint8Array({ maxLength: 200 }));
  assert.deepEqual(all.map(encodePythonBase64), python('encode', all.map(encodeHex)));
});

test('any text under any key is encrypted to the same bytes', () => {
  const all = sample(fc.tuple(key, wellFormed));
  const ours = all.map(([under, text]) => encryptSickserv(text, under, codecs));
  assert.deepEqual(ours, python('rc4', all));
});

test('any payload of text makes the same message of the plain dialect', () => {
  const payload = fc.uniqueArray(fc.tuple(wellFormed, wellFormed), {
    maxLength: 6,
    selector: ([name]) => name,
  });
  const all = sample(fc.tuple(key, payload));
  const ours = all.map(([under, entries]) =>
    processPayload(under, new Map(entries), { dialect: 'plain', legacy: true }),
  );
  assert.deepEqual(ours, python('seal', all));
});
