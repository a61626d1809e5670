/** The golden vectors made by running stp and stmp, and where we differ from them on purpose. */

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { legacyCrypto } from '#legacy-crypto';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { masked, oaepBlock } from '../../src/conformance/testee/stp.ts';
import { codeOf, SottoError } from '../../src/errors.ts';
import { LegacyNodeKey, LegacyPeerKey } from '../../src/peers/legacy/rsa-oaep.ts';
import {
  decodeStpBody,
  decodeStpFrame,
  encodeStpBody,
  encodeStpFrame,
  MAX_STP_DATAGRAM,
  MAX_STP_FRAME,
  MAX_STP_SEGMENT,
  PEER_ANSWER,
  PEER_JOIN,
  PEER_QUESTION,
  readStpSizes,
  StpFrameReader,
  type StpHeader,
} from '../../src/wire/stp.ts';

interface Vector {
  readonly name: string;
  readonly op: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly output?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly kind: string };
}

const file = JSON.parse(readFileSync(new URL('../../conformance/vectors/stp.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
  keys: { node: Record<'publicKeyHeader' | 'spki' | 'pkcs1Public' | 'pkcs8', string> };
  own: { udp_session: string; user: string; hostname: string; udpport: number; tcpport: number };
};
const { own } = file;
const keys = file.keys.node;
const pem = createPrivateKey({ key: Buffer.from(keys.pkcs8, 'hex'), format: 'der', type: 'pkcs8' })
  .export({ type: 'pkcs8', format: 'pem' })
  .toString();
const node = LegacyNodeKey.from(pem);
const { rsa } = legacyCrypto;
const opens = rsa.importPrivate(pem);
const seals = rsa.importPublicDer(decodeHex(keys.spki));

/** Where ours answers or refuses otherwise, and why. */
const OURS = {
  pack: {
    'pack UDP large integer': 'a number of JavaScript does not hold it, and a bigint is refused',
    'pack UDP whole float': '1.0 is 1 in JavaScript',
    'pack UDP NaN': 'not JSON: never made',
    'pack UDP minus infinity': 'not JSON: never made',
    'pack encrypted: always fails': 'ours seals the JSON',
    'pack encrypted to a real public key: still fails': 'ours seals the JSON',
  },
  /** The original ends; ours ignores the name. */
  delivered: {
    'receive UDP header names ip': 'a name that is not known',
    'receive UDP header names update_time': 'a name that is not known',
    'receive UDP header names self': 'a name that is not known',
    'receive UDP header names strict_parse': 'a name that is not known',
  },
  /** Delivered with a header that says the same otherwise. */
  header: {
    'receive UDP JSON with spaces': 'encrypted is false where it is absent',
    'receive UDP minimal header': 'encrypted is false where it is absent',
    'receive UDP unknown header names': 'what is not known is not kept',
    'receive UDP encrypted given as 0': 'what Python takes for false is false',
  },
  /** What decodes and is made otherwise: by no original. */
  again: {
    'receive UDP JSON with spaces': 'blanks, and no encrypted',
    'receive UDP minimal header': 'no encrypted',
    'receive UDP unknown header names': 'what is not known is not kept',
    'receive UDP body size 0 while a body follows': 'a wrong size',
    'receive UDP body size smaller than the body': 'a wrong size',
    'receive UDP body size larger than the body': 'a wrong size',
    'receive UDP spaces after the body': 'a wrong size',
    'receive UDP junk after the body': 'a wrong size',
    'receive UDP encrypted given as text': 'encrypted is true or false',
    'receive UDP encrypted given as 0': 'encrypted is true or false',
    'receive UDP header size beyond the frame': 'a wrong size',
    'receive UDP sizes exactly at the limit': 'a wrong size',
    'receive UDP header names ip': 'what is not known is not kept',
    'receive UDP header names update_time': 'what is not known is not kept',
    'receive UDP header names self': 'what is not known is not kept',
    'receive UDP header names strict_parse': 'what is not known is not kept',
  },
  /** On a stream a frame ends where it says. */
  stream: {
    'receive UDP body size smaller than the body': 'the body is cut there, and dropped for it',
    'receive UDP spaces after the body': 'what follows is not read, and was blank',
    'receive UDP junk after the body': 'what follows is not read: delivered',
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

function isOurs(list: keyof typeof OURS, name: string): boolean {
  return Object.hasOwn(OURS[list], name);
}

function vectorsOf(op: string): Vector[] {
  const vectors = file.vectors.filter((vector) => vector.op === op);
  assert.ok(vectors.length > 0, op);
  return vectors;
}

function hex(value: unknown): Uint8Array {
  return decodeHex(String(value));
}

test('every vector is run here, and every exception names one', () => {
  const ops = ['pack', 'sizes', 'oaep-encrypt', 'oaep-decrypt', 'receive', 'peer', 'expire'];
  assert.equal(file.vectors.length, 122);
  assert.equal(ops.flatMap(vectorsOf).length, 122);
  const names = new Set(file.vectors.map(({ name }) => name));
  for (const list of Object.values(OURS))
    for (const name of Object.keys(list)) assert.ok(names.has(name), name);
});

function ownHeader({ namespace, session, withKey }: Vector['input']): StpHeader {
  const { user, hostname, udpport, tcpport } = own;
  return {
    ...(session === null ? {} : { session: String(session) }),
    namespace: String(namespace),
    ...{ user, hostname, udpport, tcpport, encrypted: false },
    ...(withKey === true ? { publicKey: keys.publicKeyHeader } : {}),
  };
}

/** Python's values that JSON has not. */
function pythonValue(msg: unknown): unknown {
  if (typeof msg !== 'object' || msg === null || !('$python' in msg)) return msg;
  if (msg.$python === 'nan') return Number.NaN;
  return msg.$python === '-inf' ? Number.NEGATIVE_INFINITY : BigInt(String(msg.$python));
}

/** What the vectors without a message were made of. */
const REFUSED: Readonly<Record<string, readonly [attempt: () => unknown, code: string]>> = {
  'pack header over 65535 bytes': [
    () => encodeStpFrame({ header: { user: 'x'.repeat(65_600), encrypted: false }, body: EMPTY }),
    'frame_too_large',
  ],
  'pack a Python set': [() => encodeStpBody(new Set([1])), 'invalid_body'],
};

describe('frames made', () => {
  for (const { name, input, output } of vectorsOf('pack')) {
    test(name, () => {
      const [refused, code] = REFUSED[name] ?? [];
      if (refused) return assert.throws(refused, { code });
      if (name.startsWith('pack encrypted')) {
        const body = LegacyPeerKey.read(keys.publicKeyHeader).seal(encodeStpBody('hi'));
        return assert.equal(decodeStpBody(node.open(body)), 'hi');
      }
      const make = (): Uint8Array =>
        encodeStpFrame({ header: ownHeader(input), body: encodeStpBody(pythonValue(input.msg)) });
      if (name === 'pack UDP whole float')
        return assert.ok(decodeUtf8(make().subarray(6)).endsWith('{"msg":1}'));
      if (isOurs('pack', name)) return assert.throws(make, { code: 'invalid_body' });
      assert.equal(encodeHex(make()), output?.frame);
    });
  }
  for (const { name, output } of vectorsOf('pack').filter(({ output }) => output !== undefined)) {
    test(`${name}, read and made again`, () => {
      const frame = decodeStpFrame(hex(output?.frame));
      assert.equal(encodeHex(encodeStpFrame(frame)), output?.frame);
      if (!isOurs('pack', name)) {
        assert.deepEqual(encodeStpBody(decodeStpBody(frame.body)), Uint8Array.from(frame.body));
      }
    });
  }
  test('the originals send NaN and Infinity, and ours takes them', () => {
    const of = (name: string): unknown => {
      const { output } = vectorsOf('pack').find((vector) => vector.name === name) ?? {};
      return decodeStpBody(decodeStpFrame(hex(output?.frame)).body);
    };
    assert.equal(of('pack UDP NaN'), Number.NaN);
    assert.equal(of('pack UDP minus infinity'), Number.NEGATIVE_INFINITY);
    assert.equal(of('pack UDP large integer'), 2 ** 70);
  });
});

describe('sizes', () => {
  for (const { name, input, output } of vectorsOf('sizes')) {
    test(name, () => {
      const none = { headerSize: null, bodySize: null };
      assert.deepEqual(readStpSizes(hex(input.bytes)) ?? none, output);
    });
  }
});

function seedOf(block: Uint8Array): Uint8Array {
  return masked(block.subarray(1, 21), block.subarray(21));
}

describe('legacy encryption', () => {
  for (const { name, input, output, error } of vectorsOf('oaep-encrypt')) {
    test(name, () => {
      const plaintext = hex(input.plaintext);
      const announced = String(input.publicKey ?? keys.spki);
      const seal = (): Uint8Array => LegacyPeerKey.read(announced).seal(plaintext);
      if (error)
        return assert.throws(seal, {
          code: error.kind === 'too-long' ? 'request_too_large' : 'invalid_key',
        });
      const sealed = seal();
      assert.equal(sealed.length, output?.length ?? 128);
      const block = rsa.decryptRaw(opens, sealed);
      assert.deepEqual(block, oaepBlock(plaintext, seedOf(block)));
      assert.equal(LegacyPeerKey.read(announced).publicKey, keys.spki);
      if (input.seed === undefined) return;
      const expected = rsa.encryptRaw(seals, oaepBlock(plaintext, hex(input.seed)));
      assert.equal(encodeHex(expected), output?.ciphertext);
    });
  }
  for (const { name, input, output, error } of vectorsOf('oaep-decrypt')) {
    test(name, () => {
      const open = (): string => encodeHex(node.open(hex(input.ciphertext)));
      if (error) assert.throws(open, { code: 'decrypt_failed' });
      else assert.equal(open(), output?.plaintext);
    });
  }

  test('what is announced is a public key, also where what was heard is a private one', () => {
    assert.equal(node.publicKey, keys.spki);
    const prime = keys.publicKeyHeader.slice(-300, -200);
    const shown = [node, LegacyPeerKey.read(keys.publicKeyHeader), LegacyPeerKey.read(keys.pkcs8)];
    for (const key of shown) {
      assert.equal(key.publicKey, keys.spki);
      const text = inspect(key, { showHidden: true, depth: 9 }) + JSON.stringify(key);
      assert.ok(!text.includes(prime) && !text.includes('PRIVATE'));
    }
    const broken = keys.publicKeyHeader.replace('3082', '3182');
    assert.throws(
      () => LegacyPeerKey.read(broken),
      (error) => error instanceof SottoError && !inspect(error).includes(prime) && error.cause === undefined,
    );
  });

  test('a new key opens what is sealed to it, and no other does', () => {
    const fresh = LegacyNodeKey.generate();
    const sealed = LegacyPeerKey.read(fresh.publicKey.toUpperCase()).seal(encodeStpBody('hé'));
    assert.equal(decodeStpBody(fresh.open(sealed)), 'hé');
    assert.throws(() => node.open(sealed), { code: 'decrypt_failed' });
  });

  test('keys of another kind or size are refused, and texts too long for any', () => {
    const announced = [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      generateKeyPairSync('rsa-pss', { modulusLength: 1024 }),
    ].map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' }).toString('hex'));
    for (const text of [...announced, `${keys.spki}${' '.repeat(5000)}`, '3000', '30']) {
      assert.throws(() => LegacyPeerKey.read(text), { code: 'invalid_key' });
    }
  });
});

type Outcome =
  | { readonly dropped: true }
  | { readonly header: StpHeader; readonly data: unknown; readonly kind: 'delivered' | 'answers' | 'heard' };

/** What a node does with what came, as section 8 has it. */
function received(bytes: Uint8Array | null, protocol: unknown): Outcome {
  const whole = protocol === 'TCP' ? throughReader([bytes ?? EMPTY]) : bytes;
  if (whole === null) return { dropped: true };
  try {
    const { header, body } = decodeStpFrame(whole);
    if (header.session === own.udp_session) return { dropped: true };
    const data = decodeStpBody(header.encrypted && body.length > 0 ? node.open(body) : body);
    return { header, data, kind: kindOf(header, protocol) };
  } catch (error) {
    assert.match(codeOf(error), /^(invalid_message|decrypt_failed)$/);
    return { dropped: true };
  }
}

function kindOf({ namespace }: StpHeader, protocol: unknown): 'delivered' | 'answers' | 'heard' {
  if (namespace === PEER_JOIN && protocol === 'UDP') return 'answers';
  return namespace === '/test-route' ? 'delivered' : 'heard';
}

function throughReader(chunks: readonly Uint8Array[], reader = new StpFrameReader()): Uint8Array | null {
  const frames = chunks.map((chunk) => reader.push(chunk)).filter((frame) => frame !== null);
  assert.ok(frames.length <= 1);
  return frames[0] ?? reader.end();
}

/** A header by the names of the wire. */
function named({ session, publicKey, ...same }: StpHeader): Record<string, unknown> {
  return {
    ...(session === undefined ? {} : { udp_session: session }),
    ...same,
    ...(publicKey === undefined ? {} : { public_key: publicKey }),
  };
}

/** The record of a peer, as the original keeps it. */
function recordOf(header: StpHeader, ip: unknown): Record<string, unknown> {
  const { udp_session, namespace, encrypted, ...kept } = named(header);
  return { ip, ...kept };
}

/** As the vectors have them: with the prototype of all objects. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('what is received', () => {
  for (const { name, input, output } of vectorsOf('receive')) {
    test(name, () => {
      const outcome = received(input.frame === null ? null : hex(input.frame), input.protocol);
      if ('dropped' in outcome) {
        return assert.ok(output?.dropped === true || (output?.crashes && !isOurs('delivered', name)), name);
      }
      const { header, data, kind } = outcome;
      if (isOurs('delivered', name)) {
        assert.ok(output?.crashes);
        return assert.deepEqual([kind, data], ['delivered', 'hello']);
      }
      const expected = output?.[kind] as Record<string, unknown> | undefined;
      assert.ok(expected, `${kind} instead`);
      if (kind === 'heard') {
        return assert.deepEqual(expected, { [String(input.sender)]: recordOf(header, input.sender) });
      }
      if (kind === 'answers') {
        assert.equal(expected.to_addr, input.sender);
        assert.equal(expected.to_port, header.tcpport);
        return assert.equal(expected.namespace, header.namespace);
      }
      assert.deepEqual(plain(data), expected.data);
      assert.equal(header.namespace, expected.namespace);
      if (!isOurs('header', name)) return assert.deepEqual(named(header), expected.header);
      const { colour, ...known } = expected.header as Record<string, unknown>;
      assert.deepEqual(named(header), { ...known, encrypted: false });
    });
  }

  for (const { name, input } of vectorsOf('receive').filter(({ input }) => input.frame !== null)) {
    test(`${name}, made again`, (t) => {
      const bytes = hex(input.frame);
      let again: string;
      try {
        again = encodeHex(encodeStpFrame(decodeStpFrame(bytes)));
      } catch (error) {
        assert.equal(codeOf(error), 'invalid_message');
        return t.diagnostic('dropped');
      }
      if (isOurs('again', name)) assert.notEqual(again, input.frame);
      else assert.equal(again, input.frame);
    });
  }
});

/** The same bytes whole, in pieces, and byte by byte, with an empty chunk among them. */
function pieces(bytes: Uint8Array): Uint8Array[][] {
  const cut = (size: number): Uint8Array[] =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
  return [[bytes], [EMPTY, ...cut(1)], cut(2), cut(5), cut(7), cut(100), cut(Math.max(1, bytes.length - 1))];
}

describe('frames off a stream, in any pieces', () => {
  const frames = file.vectors.flatMap(({ name, op, input, output }) => {
    const frame = op === 'receive' ? input.frame : output?.frame;
    return typeof frame === 'string' ? [{ name, bytes: hex(frame) }] : [];
  });
  for (const { name, bytes } of frames) {
    test(name, () => {
      if (name.endsWith('over the limit')) {
        for (const chunks of pieces(bytes))
          assert.throws(() => throughReader(chunks), { code: 'frame_too_large' });
        return;
      }
      const found = pieces(bytes).map((chunks) => throughReader(chunks));
      for (const each of found) assert.deepEqual(each && Uint8Array.from(each), found[0] ?? null);
      const [whole = null] = found;
      if (bytes.length < 6) return assert.equal(whole, null);
      const isCut = (whole?.length ?? 0) < bytes.length;
      assert.equal(isCut, isOurs('stream', name) || name.endsWith('body size 0 while a body follows'));
      const outcomes = [received(bytes, 'UDP'), received(whole, 'UDP')];
      if (name.endsWith('smaller than the body')) {
        assert.deepEqual(Object.keys(outcomes[1] ?? {}), ['dropped']);
      } else if (name.endsWith('junk after the body')) {
        assert.deepEqual(Object.keys(outcomes[0] ?? {}), ['dropped']);
        assert.ok(outcomes[1] && 'data' in outcomes[1] && outcomes[1].data === 'hello');
      } else assert.deepEqual(outcomes[0], outcomes[1]);
    });
  }

  test('a frame is given once, and nothing after it', () => {
    const frame = encodeStpFrame({ header: { user: 'a', encrypted: false }, body: encodeStpBody(1) });
    const reader = new StpFrameReader();
    assert.deepEqual(reader.push(concat(frame, frame)), frame);
    assert.equal(reader.push(frame), null);
    assert.equal(reader.end(), null);
    assert.equal(new StpFrameReader().end(), null);
  });

  test('a smaller limit holds from the first six bytes on, and a larger one does not count', () => {
    const frame = encodeStpFrame({ header: { user: 'a', encrypted: false }, body: encodeStpBody(1) });
    assert.deepEqual(new StpFrameReader(frame.length).push(frame), frame);
    const reader = new StpFrameReader(frame.length - 1);
    assert.equal(reader.push(frame.subarray(0, 5)), null);
    assert.throws(() => reader.push(frame.subarray(5, 6)), { code: 'frame_too_large' });
    assert.equal(reader.push(frame), null);
    assert.equal(reader.end(), null);
    const sizes = Uint8Array.of(0, 10, 0xff, 0xff, 0xff, 0xff);
    assert.throws(() => new StpFrameReader(2 ** 33).push(sizes), { code: 'frame_too_large' });
  });
});

describe('peers', () => {
  for (const { name, input, output } of vectorsOf('peer')) {
    test(name, () => {
      const frames = (input.frames as string[]).map((frame) => decodeStpFrame(hex(frame)));
      assert.ok(frames[0]?.header.publicKey);
      const last = frames.at(-1)?.header;
      assert.deepEqual(last && recordOf(last, input.sender), output);
    });
  }
  for (const { name, input, output } of vectorsOf('expire')) {
    // A rule of time, which no byte of the wire carries: the table of peers has to keep it.
    test(name, () => {
      assert.equal(Number(input.ageSeconds) > Number(input.ttlSeconds), output?.removed);
    });
  }
});

describe('what no vector says', () => {
  const bare = { user: 'a', encrypted: false } as const;

  function frameOf(header: string, body = '{"msg":1}'): Uint8Array {
    const [head, rest] = [encodeUtf8(header), encodeUtf8(body)];
    const sizes = new Uint8Array(6);
    new DataView(sizes.buffer).setUint16(0, head.length);
    new DataView(sizes.buffer).setUint32(2, rest.length);
    return concat(sizes, head, rest);
  }

  test('our own names come after its names', () => {
    const header: StpHeader = {
      ...{ bye: true, seq: 3, x25519: 'ab', id: 'cd', v: 2, publicKey: 'ef', encrypted: true, tcpport: 2 },
      ...{ udpport: 1, hostname: 'h', user: 'u', namespace: PEER_JOIN, session: 's' },
    };
    const frame = encodeStpFrame({ header, body: EMPTY });
    const json =
      '{"udp_session":"s","namespace":"/peer-join","user":"u","hostname":"h","udpport":1,"tcpport":2,' +
      '"encrypted":true,"public_key":"ef","v":2,"id":"cd","x25519":"ab","seq":3,"bye":true}';
    assert.equal(decodeUtf8(frame.subarray(6)), json);
    assert.deepEqual(decodeStpFrame(frame), { header, body: EMPTY });
  });

  test('the words of discovery fit a segment', () => {
    const header = { ...bare, namespace: PEER_JOIN, tcpport: 57_001, publicKey: keys.spki };
    for (const word of [PEER_QUESTION, PEER_ANSWER]) {
      assert.ok(encodeStpFrame({ header, body: encodeStpBody(word) }).length < MAX_STP_SEGMENT);
    }
    assert.ok(MAX_STP_SEGMENT < MAX_STP_DATAGRAM && MAX_STP_DATAGRAM < MAX_STP_FRAME);
  });

  test('values of another type count as absent', () => {
    const header =
      '{"user":"a","udp_session":1,"hostname":[],"udpport":0,"tcpport":65536,"public_key":{},"v":"2","id":2,' +
      '"x25519":null,"seq":-1,"bye":"yes","encrypted":[]}';
    assert.deepEqual(decodeStpFrame(frameOf(header)).header, bare);
    for (const value of ['57001.5', '"57001"', '1e400', 'true', 'NaN']) {
      assert.deepEqual(decodeStpFrame(frameOf(`{"user":"a","tcpport":${value}}`)).header, bare);
    }
  });

  test('encrypted is judged as Python judges truth', () => {
    const truths = {
      '0': false,
      '-0.0': false,
      '""': false,
      '{}': false,
      null: false,
      '[]': false,
      false: false,
    };
    const lies = {
      NaN: true,
      '" "': true,
      '[0]': true,
      '{"":0}': true,
      '-1': true,
      true: true,
      Infinity: true,
    };
    for (const [json, expected] of Object.entries({ ...truths, ...lies })) {
      const { header } = decodeStpFrame(frameOf(`{"user":"a","encrypted":${json}}`));
      assert.equal(header.encrypted, expected, json);
    }
  });

  test('what would end an original is neither made nor taken', () => {
    const wrong = [{ namespace: PEER_JOIN }, { namespace: [] }, { user: 5 }, { tcpport: 70_000 }, { v: -1 }];
    for (const each of wrong) {
      const header = { ...bare, ...each } as unknown as StpHeader;
      assert.throws(() => encodeStpFrame({ header, body: EMPTY }), { code: 'invalid_argument' });
    }
    const headers = ['{"user":"a","namespace":null}', '{"user":null}', '{}', '7', '{"user":"a"}x', ''];
    headers.push('{"user":"a","namespace":"/peer-join","tcpport":"1"}', '{"user":"a",}', "{'user':'a'}");
    for (const header of headers) {
      assert.throws(() => decodeStpFrame(frameOf(header)), { code: 'invalid_message' }, header);
    }
  });

  test('a body that is announced and missing is dropped', () => {
    const frame = frameOf('{"user":"a"}');
    assert.throws(() => decodeStpFrame(frame.subarray(0, -9)), { code: 'invalid_message' });
    assert.equal(decodeStpBody(encodeUtf8('{}')), null);
    assert.deepEqual(decodeUtf8(encodeStpBody(undefined)), '{"msg":null}');
  });

  test('names with a meaning in JavaScript have none', () => {
    const body = '{"msg":{"__proto__":{"admin":true},"constructor":1,"toString":2,"hasOwnProperty":3}}';
    const header = '{"__proto__":{"namespace":"/x","bye":true},"constructor":{},"user":"a","toString":"x"}';
    const frame = decodeStpFrame(frameOf(header, body));
    assert.deepEqual(frame.header, bare);
    const msg = decodeStpBody(frame.body) as Record<string, unknown>;
    assert.equal(Object.getPrototypeOf(msg), null);
    assert.equal(msg.admin, undefined);
    assert.equal(decodeUtf8(encodeStpBody(msg)), body);
    assert.equal(decodeStpBody(encodeUtf8('{"__proto__":{"msg":1}}')), null);
    assert.equal(Reflect.get({}, 'admin'), undefined);
  });

  test('deep and numerous values are refused before they cost anything', () => {
    const deep = (depth: number): string => `{"msg":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    const drop = { code: 'invalid_message' };
    assert.ok(decodeStpBody(encodeUtf8(deep(256))));
    assert.deepEqual(encodeStpBody(decodeStpBody(encodeUtf8(deep(256)))), encodeUtf8(deep(256)));
    assert.throws(() => decodeStpBody(encodeUtf8(deep(257))), drop);
    const started = performance.now();
    for (const bomb of ['[', '{"a":', '[[],', '0,', '"",', '{},', '-']) {
      const text = `{"msg":[${bomb.repeat(4_000_000 / bomb.length)}`;
      assert.throws(() => decodeStpBody(encodeUtf8(text)), drop, bomb);
    }
    const members = Array.from({ length: 200_000 }, (_, at) => `"${at}":0`).join(',');
    assert.throws(() => decodeStpBody(encodeUtf8(`{"msg":{${members}}}`)), drop);
    const header = `{"user":"a","x":${'['.repeat(60_000)}}`;
    assert.throws(() => decodeStpFrame(frameOf(header)), drop);
    assert.ok(performance.now() - started < 5000);
  });

  test('long texts and numbers are read whole', () => {
    const text = 'é\\"\n'.repeat(100_000);
    assert.equal(decodeStpBody(encodeStpBody(text)), text);
    assert.equal(decodeStpBody(encodeUtf8(`{"msg":1${'0'.repeat(1_000_000)}}`)), Number.POSITIVE_INFINITY);
  });

  test('frames over the limit are neither made nor taken', () => {
    const body = new Uint8Array(MAX_STP_FRAME);
    assert.throws(() => encodeStpFrame({ header: bare, body }), { code: 'frame_too_large' });
    const frame = concat(frameOf('{"user":"a"}', ''), body);
    assert.throws(() => decodeStpFrame(frame), { code: 'invalid_message' });
  });
});
