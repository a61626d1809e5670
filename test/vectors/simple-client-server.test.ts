/** The golden vectors made by running simple_client_server, and where we differ from it on purpose. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { codeOf } from '../../src/errors.ts';
import { hybridDecrypt, rsaPower, rsaRoot, sealWith } from '../../src/lookup/legacy/hybrid-rsa.ts';
import { type LegacyKeyPair, serverKeyPair } from '../../src/lookup/legacy/keys.ts';
import type { FileDescription } from '../../src/lookup/live/readers.ts';
import { type LookupContext, LookupServer } from '../../src/node/lookup.ts';
import {
  automaticRepresentation,
  decodeReply,
  decodeValue,
  encodePlainPayload,
  encodeQuery,
  encodeValue,
  fromBase64,
  type LookupRepresentation,
  queryHeader,
  toBase64,
} from '../../src/wire/simple-client-server.ts';
import { Lookup } from '../../src/lookup/lookup.ts';
import { openPayload } from '../../src/lookup/unsealed.ts';
import { rawExchange } from '../support/raw-exchange.ts';

interface Vector {
  readonly name: string;
  readonly op: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly output?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly kind: string };
  /** What a reader of ours makes of a message that the original cannot read. */
  readonly recoverable?: Readonly<Record<string, unknown>>;
}

const file = JSON.parse(readFileSync(new URL('../../conformance/vectors/simple-client-server.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
  keys: Record<'query' | 'reply', { privatePem: string; publicPem: string }>;
};

const query = serverKeyPair({ query: file.keys.query.privatePem, reply: file.keys.query.publicPem });
const reply = serverKeyPair({ query: file.keys.reply.privatePem, reply: file.keys.reply.publicPem });
const PAIRS: Readonly<Record<string, LegacyKeyPair>> = {
  query: query as LegacyKeyPair,
  reply: reply as LegacyKeyPair,
};

/** Where ours answers or refuses otherwise, and why. */
const OURS: Readonly<Record<string, string>> = {
  'hybrid decrypt with another key gives noise, no error': 'decrypt_failed',
  'hybrid decrypt: cut to 100 bytes gives the empty text': 'decrypt_failed',
};

function vectorsOf(op: string): Vector[] {
  const vectors = file.vectors.filter((vector) => vector.op === op);
  assert.ok(vectors.length > 0, op);
  return vectors;
}

function hex(value: unknown): Uint8Array {
  return decodeHex(String(value));
}

function pairOf(name: unknown): LegacyKeyPair {
  const pair = PAIRS[String(name)];
  assert.ok(pair, String(name));
  return pair;
}

describe('the RSA of PyCrypto, without padding', () => {
  for (const { name, input, output, error } of vectorsOf('rsa-encrypt')) {
    test(name, () => {
      const power = (): string => encodeHex(rsaPower(hex(input.plaintext), pairOf(input.key).seals));
      if (error) return assert.throws(power); // the modulus does not hold the number
      assert.equal(power(), output?.ciphertext);
    });
  }
  for (const { name, input, output, error } of vectorsOf('rsa-decrypt')) {
    test(name, () => {
      const root = (): string => encodeHex(rsaRoot(hex(input.ciphertext), pairOf(input.key).opens));
      if (error) return assert.throws(root);
      assert.equal(root(), output?.plaintext);
    });
  }
});

/** What the original sends for this IV and key. */
function hybrid(input: Vector['input'], plaintext: Uint8Array): Uint8Array {
  const [iv, key] = [hex(input.iv), hex(input.symmetricKey)];
  const block = rsaPower(new Uint8Array([...iv, ...key]), pairOf(input.key).seals);
  return sealWith(plaintext, iv, key, block);
}

describe('the hybrid encryption', () => {
  for (const { name, input, output } of vectorsOf('hybrid-encrypt')) {
    test(name, () => {
      const ciphertext = hybrid(input, hex(input.plaintext));
      assert.equal(encodeHex(ciphertext), output?.ciphertext);
      assert.equal(decodeUtf8(toBase64(ciphertext)), output?.base64);
    });
  }
  for (const { name, input, output, error, recoverable } of vectorsOf('hybrid-decrypt')) {
    test(name, () => {
      const open = (): string =>
        encodeHex(hybridDecrypt(fromBase64(encodeUtf8(String(input.base64))), pairOf(input.key).opens));
      const expected = recoverable ?? output;
      const isBytes = error?.kind === 'wrong-type'; // the original fails on bytes that are no text; ours does not
      if (OURS[name] !== undefined) assert.throws(open, { code: OURS[name] });
      else if (expected) assert.equal(open(), expected.plaintext);
      else if (isBytes) assert.doesNotThrow(open);
      else assert.throws(open, (thrown) => ['decrypt_failed', 'invalid_text'].includes(codeOf(thrown)));
    });
  }
});

function isPythonSet(value: unknown): boolean {
  return JSON.stringify(value) === '{"$python":"{1}"}';
}

describe('values as bytes', () => {
  for (const { name, input, output, error } of vectorsOf('serialize')) {
    test(name, () => {
      const { scheme } = input;
      const value = isPythonSet(input.value) ? new Set([1]) : input.value;
      if (error?.kind === 'unknown-representation') {
        const message = encodeUtf8(`0p${String(scheme)}0`);
        return assert.throws(() => decodeReply(message), { code: 'unsupported_representation' });
      }
      const letter = scheme === 'a' ? automaticRepresentation(value) : (scheme as LookupRepresentation);
      const write = (): string => encodeHex(encodeValue(value, letter));
      if (error) return assert.throws(write, { code: 'invalid_body' });
      assert.equal(write(), output?.bytes);
      assert.equal(letter, output?.scheme);
    });
  }
  for (const { name, input, output, error } of vectorsOf('deserialize')) {
    test(name, () => {
      const { scheme, bytes } = input;
      if (error?.kind === 'unknown-representation') {
        const message = new Uint8Array([...encodeUtf8(`0p${String(scheme)}0`), ...hex(bytes)]);
        return assert.throws(() => decodeReply(message), { code: 'unsupported_representation' });
      }
      const read = (): unknown => decodeValue(hex(bytes), scheme as LookupRepresentation);
      if (error) return assert.throws(read, (thrown) => /^invalid_/.test(codeOf(thrown)));
      assert.deepEqual(read(), output?.value);
    });
  }
});

describe("a client's query", () => {
  for (const { name, input, output } of vectorsOf('query')) {
    test(name, () => {
      const { value, key } = input;
      const letter =
        input.scheme === 'a' ? automaticRepresentation(value) : (input.scheme as LookupRepresentation);
      const body = encodeValue(value, letter);
      const scheme = key === null ? 'plain' : 'legacy-rsa';
      const payload = key === null ? encodePlainPayload(body, letter) : toBase64(hybrid(input, body));
      assert.equal(encodeHex(encodeQuery(queryHeader(scheme, letter), payload)), output?.bytes);
    });
  }
});

describe("a reply as a client reads it", () => {
  for (const { name, input, output, error } of vectorsOf('reply')) {
    test(name, () => {
      const read = (): unknown =>
        openPayload(decodeReply(hex(input.reply)), 'key' in input ? null : reply.opens);
      // What 0.0.1 cannot decrypt, ours can; and ours reads datagrams whole.
      if (error?.kind === 'wrong-type') return assert.equal(read(), 'spinach');
      if (name.includes('cut by the original client')) {
        return assert.ok(String(read()).startsWith(String(output?.value)) && String(read()).length > 1020);
      }
      if (error) return assert.throws(read, (thrown) => codeOf(thrown) !== 'unknown');
      assert.deepEqual(read(), output?.value);
    });
  }
});

const VEGETABLES = 'aubergine,vegetable,purple\nspinach,vegetable,green\n';

/** The getters of the vectors. */
const GETTERS: Readonly<Record<string, (query: unknown) => unknown>> = {
  echo: (value) => value,
  row: () => ['spinach', 'green'],
  table(value) {
    const [word = ''] = String(value).split(/\s+/);
    if (word === '') throw new Error('there is no first word');
    return ['spinach', 'vegetable', 'green'];
  },
};

describe('answers, over real sockets', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-vectors-'));
  writeFileSync(join(folder, 'demo-main.csv'), VEGETABLES);
  const servers = new Map<string, LookupServer>();

  async function serverFor(getter: string, hasKeys: boolean): Promise<LookupServer> {
    const name = `${getter} ${hasKeys}`;
    const known = servers.get(name);
    if (known) return known;
    const started = await LookupServer.start({
      port: 0,
      files: { [join(folder, 'demo-main.csv')]: 0 },
      schema: z.unknown(),
      query: (asked: unknown, _data, _ctx: LookupContext) => GETTERS[getter]?.(asked),
      schemes: hasKeys ? ['plain', 'legacy-rsa'] : ['plain'],
      ...(hasKeys
        ? { legacyKeys: { query: file.keys.query.privatePem, reply: file.keys.reply.publicPem } }
        : {}),
    });
    servers.set(name, started);
    return started;
  }

  for (const { name, input, output, error } of vectorsOf('answer')) {
    test(name, async () => {
      const { getter, keys, transport } = input;
      const server = await serverFor(String(getter), keys === true);
      const answer = await rawExchange(transport as 'udp' | 'tcp', server.address.port, hex(input.request));
      // Plain TCP never worked, and no encryption with 0.0.1: with ours both do.
      const worksWithOurs = error?.kind === 'wrong-type';
      if (error && !worksWithOurs) return assert.equal(answer, null);
      assert.ok(answer, 'no answer');
      const isEncrypted = hex(input.request)[1] === 0x48;
      if (!isEncrypted && output) return assert.equal(encodeHex(answer), output.reply);
      // Encrypted replies differ each time: what they say does not.
      const expected = output
        ? openPayload(decodeReply(hex(output.reply)), reply.opens)
        : openPayload(decodeReply(answer), reply.opens);
      assert.deepEqual(openPayload(decodeReply(answer), reply.opens), expected);
      assert.equal(encodeHex(answer.subarray(0, 4)), encodeHex(hex(input.request).subarray(0, 4)));
    });
  }

  test('the servers end', async () => {
    await Promise.all([...servers.values()].map((server) => server.close()));
  });
});

/** The row functions of the vectors. */
function modifierOf(modifier: unknown): ((row: never) => unknown) | null {
  if (modifier === 'append') {
    return (row: Record<string, string>) => ({ ...row, description: `${row.colour} ${row.name}` });
  }
  if (modifier === 'prefix') return (row: string[]) => [`${row[2]} ${row[0]}`, ...row];
  assert.equal(modifier, null);
  return null;
}

function descriptionOf({ how, modifier }: Vector['input']): FileDescription {
  if (how === null) return null;
  if (typeof how === 'object') {
    const { $python: code } = how as { $python: string };
    return code === '(1, 2)' ? ([1, 2] as never) : (name, _key) => readFileSync(name, 'utf8');
  }
  const row = modifierOf(modifier);
  return row === null ? (how as string | number) : [how as string | number, row];
}

describe('files as they are read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-vectors-'));
  for (const [number, { name, input, output, error }] of vectorsOf('read').entries()) {
    test(name, async () => {
      const base = `file-${number}.${input.how === null ? 'json' : 'csv'}`;
      writeFileSync(join(folder, base), String(input.text));
      const open = (): Promise<Lookup> => Lookup.open({ files: { [join(folder, base)]: descriptionOf(input) } });
      // The original's reader gets a third argument and fails; a blank line ends its whole file.
      const worksWithOurs = name.includes('as documented') || name.includes('blank line in a plain file');
      if (error && !worksWithOurs) {
        const codes = ['file_invalid', 'invalid_option'];
        return assert.rejects(open, (thrown) => codes.includes(codeOf(thrown)));
      }
      await using lookup = await open();
      const data = lookup.data[base];
      if (output && 'data' in output) assert.deepEqual(data, output.data);
      else if (output) assert.deepEqual([...(data as Iterable<unknown>)], output.entries);
      else if (name.includes('blank line')) assert.deepEqual([...(data as Iterable<unknown>)].length, 2);
      else assert.equal(data, input.text);
    });
  }
});
