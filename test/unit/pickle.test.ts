/** Python's pickle and Python's texts. Against Python itself: test/interop/python.test.ts. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Bytes, concat } from '../../src/bytes/bytes.ts';
import { encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { SottoError } from '../../src/errors.ts';
import { decodePickle, encodePickle } from '../../src/wire/pickle.ts';
import { pythonJson, pythonText } from '../../src/wire/python-text.ts';

const INVALID = { name: 'SottoError', code: 'invalid_body' };

/** A list in a list in a list: `depth` of them. */
function nested(depth: number): unknown {
  let value: unknown[] = [];
  for (let i = 1; i < depth; i++) value = [value];
  return value;
}

/** Values that come back as they were: no Map whose keys are all text, no bigint that a number can hold. */
const { value: values } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.integer({ min: -70_000, max: 70_000 }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 2100n }).chain((big) => fc.constantFrom(big, -big)),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 300 }),
  ),
  container: fc.oneof(
    fc.array(tie('value'), { maxLength: 8 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { noNullPrototype: true }),
    fc
      .tuple(fc.double(), tie('value'), fc.array(fc.tuple(tie('leaf'), tie('value')), { maxLength: 5 }))
      .map(([key, value, entries]) => new Map<unknown, unknown>([...entries, [key, value]])),
    fc.array(tie('leaf'), { maxLength: 8 }).map((members) => new Set(members)),
  ),
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, tie('leaf'), tie('container')),
}));

describe('writing pickles', () => {
  test('what CPython 3.11 writes for the same value', () => {
    const vectors: readonly (readonly [unknown, string])[] = [
      ['spinach', '8004950b000000000000008c077370696e616368942e'],
      [{ a: [1, 'b'] }, '80049512000000000000007d948c0161945d94284b018c01629465732e'],
      [new Set([1]), '80049507000000000000008f94284b01902e'],
      [null, '80044e2e'],
      [undefined, '80044e2e'],
      [true, '8004882e'],
      [0xff, '80044bff2e'],
      [0x100, '80049504000000000000004d00012e'],
      [0x10000, '80049506000000000000004a000001002e'],
      [-1, '80049506000000000000004affffffff2e'],
      [-0x80000000, '80049506000000000000004a000000802e'],
      [0x80000000, '80049508000000000000008a0500000080002e'],
      [-0x80000001, '80049508000000000000008a05ffffff7fff2e'],
      [-(2n ** 63n), '8004950b000000000000008a0800000000000000802e'],
      [-0, '8004950a000000000000004780000000000000002e'],
      [0.5, '8004950a00000000000000473fe00000000000002e'],
      [new Uint8Array([0, 255]), '8004950600000000000000430200ff942e'],
      [[], '80045d942e'],
      [{}, '80047d942e'],
      [new Set(), '80048f942e'],
      [[7], '80049506000000000000005d944b07612e'],
    ];
    for (const [value, hex] of vectors) assert.equal(encodeHex(encodePickle(value)), hex);
  });

  test('the same object twice is written once', () => {
    const shared = [1];
    assert.equal(encodeHex(encodePickle([shared, shared])), '8004950c000000000000005d94285d944b01616801652e');
    const back = decodePickle(encodePickle([shared, shared])) as unknown[];
    assert.deepEqual(back, [[1], [1]]);
    assert.equal(back[0], back[1]);
  });

  test('the same object far on is found again', () => {
    const shared = new Uint8Array([1]);
    const strings = Array.from({ length: 300 }, (_, index) => `text ${index}`);
    const list = [...strings, shared, shared];
    const pickle = encodePickle(list);
    assert.equal(encodeHex(pickle.subarray(-7)), `6a2d010000652e`); // LONG_BINGET 301
    assert.deepEqual(decodePickle(pickle), list);
  });

  test('maps become dicts, holes and undefined None, views bytes', () => {
    assert.deepEqual(encodePickle(new Map([['a', 1]])), encodePickle({ a: 1 }));
    assert.deepEqual(encodePickle(Object.assign(Object.create(null), { a: 1 })), encodePickle({ a: 1 }));
    assert.deepEqual(encodePickle(new Array(2)), encodePickle([null, null]));
    assert.deepEqual(encodePickle({ a: undefined }), encodePickle({ a: null }));
    assert.deepEqual(encodePickle(Buffer.from('a')), encodePickle(new Uint8Array([0x61])));
    assert.deepEqual(encodePickle(5n), encodePickle(5));
  });

  test('what Python has no type for is refused', () => {
    const refused = [
      new Date(0),
      /a/,
      () => 1,
      Symbol('a'),
      new Float64Array(1),
      new (class Own {})(),
      '\ud800',
      { '\udc00': 1 },
      new Map([[[1], 1]]),
      new Set([{}]),
      2n ** 40_000n,
    ];
    for (const value of refused) {
      assert.throws(() => encodePickle(value), INVALID);
      assert.throws(() => encodePickle([value]), INVALID);
    }
  });

  test('values that contain themselves or are too deep are refused', () => {
    const cyclic: unknown[] = [];
    cyclic.push({ again: cyclic });
    assert.throws(() => encodePickle(cyclic), INVALID);
    assert.throws(() => encodePickle(nested(257)), INVALID);
    assert.deepEqual(decodePickle(encodePickle(nested(256))), nested(256));
  });
});

describe('reading pickles', () => {
  test('a value comes back as it was', () => {
    fc.assert(
      fc.property(values, (value) => {
        assert.deepEqual(decodePickle(encodePickle(value)), value);
      }),
      { numRuns: 1000 },
    );
  });

  test('also where it lies in several batches or frames', () => {
    const numbers = Array.from({ length: 3001 }, (_, index) => index);
    const texts = numbers.map((number) => `${number}`.padEnd(100, '.'));
    const large = 'x'.repeat(0x1_0000);
    for (const value of [
      numbers,
      new Set(numbers),
      new Map(texts.entries()),
      texts,
      [large, 1, large],
      large,
    ]) {
      assert.deepEqual(decodePickle(encodePickle(value)), value);
    }
    assert.deepEqual(
      decodePickle(encodePickle(new Set(numbers.slice(0, 1000)))),
      new Set(numbers.slice(0, 1000)),
    );
  });

  test('the opcodes that only older protocols write', () => {
    const cases: readonly (readonly [string, unknown])[] = [
      ['I01\n.', true],
      ['I00\n.', false],
      ['I-12\n.', -12],
      ['L5L\n.', 5],
      ['L5\n.', 5],
      ['L-18446744073709551616L\n.', -(2n ** 64n)],
      ['F0.1\n.', 0.1],
      ['F-1e-07\n.', -1e-7],
      ['Finf\n.', Number.POSITIVE_INFINITY],
      ['Fnan\n.', Number.NaN],
      ['V\\u20ac\\U0001f600\xe9\\n\n.', '€😀é\\n'],
      ['V\\\\u0041\n.', '\\\\u0041'],
      ['(lp0\nI1\naI2\na.', [1, 2]],
      ['(I1\nI2\nl.', [1, 2]],
      ['(dp0\nVa\nI1\ns.', { a: 1 }],
      ['(Va\nI1\nd.', { a: 1 }],
      ['(I1\nI2\nt.', [1, 2]],
      ['(Va\np5\ng5\nt.', ['a', 'a']],
      ['I1\nI2\n0.', 1],
      ['I1\n(I2\nI3\n1.', 1],
      ['I1\n(0.', 1],
      ['(I1\n2t.', [1, 1]],
      ['(I1\n2\x91.', new Set([1])],
      ['))\x86.', [[], []]],
      ['}(\x4b\x01Nu.', new Map([[1, null]])],
      ['}(\x4b\x01\x85Nu.', new Map([[[1], null]])],
      ['C\x00q\x00h\x00\x86.', [new Uint8Array(0), new Uint8Array(0)]],
      ['\x8d\x01\0\0\0\0\0\0\0a.', 'a'],
      ['\x8e\x01\0\0\0\0\0\0\0a.', new Uint8Array([0x61])],
      ['\x80\x05\x96\x01\0\0\0\0\0\0\0a.', new Uint8Array([0x61])],
      ['\x8b\x01\0\0\0\xff.', -1],
      ['\x8a\x00.', 0],
      ['\x8a\x07\xff\xff\xff\xff\xff\xff\x1f.', Number.MAX_SAFE_INTEGER],
      ['\x8a\x07\0\0\0\0\0\0\x20.', 2n ** 53n],
    ];
    for (const [text, value] of cases) assert.deepEqual(decodePickle(latin1Bytes(text)), value, text);
  });

  test('a key called __proto__ is only a key', () => {
    const value = decodePickle(latin1Bytes('}\x8c\x09__proto__}\x8c\x01aK\x01ss.')) as object;
    assert.deepEqual(Object.keys(value), ['__proto__']);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal('a' in value, false);
  });

  test('the bytes of the result are its own', () => {
    const pickle = encodePickle(new Uint8Array([1, 2, 3]));
    const value = decodePickle(pickle);
    pickle.fill(0);
    assert.deepEqual(value, new Uint8Array([1, 2, 3]));
  });

  describe('refuses, and says what', () => {
    const REFUSED: Readonly<Record<string, string>> = {
      GLOBAL: 'cos\nsystem\n.',
      STACK_GLOBAL: '\x8c\x02os\x8c\x06system\x93.',
      REDUCE: 'N)R.',
      BUILD: 'NNb.',
      INST: '(ios\nsystem\n.',
      OBJ: '(No.',
      NEWOBJ: 'N)\x81.',
      NEWOBJ_EX: 'N)}\x92.',
      EXT1: '\x82\x01.',
      EXT2: '\x83\x01\x00.',
      EXT4: '\x84\x01\x00\x00\x00.',
      PERSID: 'P1\n.',
      BINPERSID: 'NQ.',
      NEXT_BUFFER: '\x97.',
      READONLY_BUFFER: 'C\x00\x98.',
      STRING: "S'a'\n.",
      BINSTRING: 'T\x01\x00\x00\x00a.',
      SHORT_BINSTRING: 'U\x01a.',
    };
    for (const [name, text] of Object.entries(REFUSED)) {
      test(name, () => {
        const error = refusal(latin1Bytes(text));
        assert.match(error.message, new RegExp(`\\(${name}\\), which is never done here\\.$`));
      });
    }

    const BROKEN: Readonly<Record<string, readonly [pickle: string, says: RegExp]>> = {
      'no bytes at all': ['', /cut off/],
      'a pickle without its end': ['\x80\x04N', /cut off/],
      'bytes after the end': ['N.N', /after its end/],
      'an unknown opcode': ['\xff.', /byte 255 at offset 0/],
      'a later protocol': ['\x80\x06N.', /protocol is 6/],
      'a frame longer than what is there': ['\x80\x04\x95\x03\0\0\0\0\0\0\0N.', /cut off/],
      'a length of 4 GiB': ['B\xff\xff\xff\xffa.', /4294967295 bytes are needed where 2 are left/],
      'a length of 16 EiB': [`\x8e${'\xff'.repeat(8)}a.`, /cut off/],
      'a long of half a gigabyte': ['\x8b\x00\x00\x00\x20a.', /cut off/],
      'a negative length of a long': ['\x8b\xff\xff\xff\xffa.', /cut off/],
      'a line without its end': ['I12', /within a line/],
      'text that is no integer': ['I0x12\n.', /no integer/],
      'text that is an octal integer': ['I012\n.', /no integer/],
      'an empty integer': ['I\n.', /no integer/],
      'text that is no float': ['F1_0\n.', /no float/],
      'a float by the name of a member': ['Fconstructor\n.', /no float/],
      'text that is no index': ['Np-1\n.', /no index/],
      'text that is not UTF-8': ['\x8c\x01\xff.', /UTF-8/],
      'half a surrogate pair': ['\x8c\x03\xed\xa0\x80.', /UTF-8/],
      'an escaped surrogate': ['V\\ud83d\\ude00\n.', /no character/],
      'an escape past the last character': ['V\\U00110000\n.', /no character/],
      'half an escape': ['V\\u12\n.', /half an escape/],
      'an empty stack at the end': ['.', /takes a value/],
      'two values at the end': ['NN.', /leaves values/],
      'an open mark at the end': ['N(N.', /leaves values/],
      'a value below the mark': ['N(\x85.', /takes a value/],
      'a mark that is missing': ['Nt.', /mark/],
      'popping nothing': ['0.', /mark/],
      'doubling nothing': ['2.', /takes a value/],
      'keeping nothing': ['\x94.', /takes a value/],
      'a reference to nothing': ['h\x00.', /refers to value 0/],
      'a key without a value': ['(Nd.', /has no value/],
      'an item appended to a tuple': [')Na.', /no list/],
      'an item appended to a number': ['K\x01Na.', /no list/],
      'an item set in a list': [']NNs.', /no dict/],
      'a member added to a list': [']N(\x90.', /no set/],
      'a member added to a frozenset': ['(\x91(N\x90.', /no set/],
      'a list as a key': ['}]Ns.', /key/],
      'a set in a set': ['\x8f(\x8f\x90.', /member/],
      'a list in itself': [']\x94h\x00a.', /contains itself/],
      'a dict in itself': ['}\x94Nh\x00s.', /contains itself/],
      'a tuple in its own list': [']\x94h\x00\x85a.', /contains itself/],
      'a set that its own member holds': ['\x8f\x94(h\x00\x85\x90.', /contains itself/],
    };
    for (const [name, [text, says]] of Object.entries(BROKEN)) {
      test(name, () => {
        assert.match(refusal(latin1Bytes(text)).message, says);
      });
    }

    test('a pickle cut off anywhere', () => {
      const pickle = encodePickle({ a: [1, -1, 2n ** 70n, 0.5, 'text', new Uint8Array(3)], b: new Set([1]) });
      for (let length = 0; length < pickle.length; length++) refusal(pickle.subarray(0, length));
    });

    test('depth, also where it is put together from parts', () => {
      refusal(latin1Bytes(`${'('.repeat(100_000)}N${'t'.repeat(100_000)}.`));
      refusal(latin1Bytes(`${']'.repeat(257)}${'a'.repeat(256)}.`));
      // A list 200 deep, then 100 tuples around it: each of them is seen when it is seen first, and shallow.
      const deep = `${']'.repeat(200)}${'a'.repeat(199)}\x94`;
      refusal(latin1Bytes(`(${deep}${'h\x00'}${'\x85'.repeat(100)}t.`));
    });

    test('few bytes that stand for very much', () => {
      const pairs = Array.from({ length: 40 }, (_, index) => `h${String.fromCharCode(index)}2\x86\x940`);
      assert.match(refusal(latin1Bytes(`N\x940${pairs.join('')}h\x28.`)).message, /far too large/);
      const text = `X\x00\x10\x00\x00${'a'.repeat(0x1000)}\x94`;
      assert.match(refusal(latin1Bytes(`(${text}${'h\x00'.repeat(1000)}t.`)).message, /far too large/);
      const long = `\x8b\x00\x08\x00\x00${'\x7f'.repeat(0x800)}\x94`;
      assert.match(refusal(latin1Bytes(`(${long}${'h\x00'.repeat(1000)}t.`)).message, /far too large/);
      // What nobody shares may be as large as it is.
      const many = Array.from({ length: 500_000 }, () => 'abc');
      assert.equal((decodePickle(encodePickle([many, many.length])) as unknown[][])[0]?.length, many.length);
    });

    test('integers that take long to print', () => {
      assert.match(refusal(latin1Bytes(`L${'9'.repeat(10_001)}L\n.`)).message, /integer of more than/);
      assert.match(
        refusal(latin1Bytes(`\x8b\x01\x10\x00\x00${'\x7f'.repeat(0x1001)}.`)).message,
        /integer of more/,
      );
      const largest = 2n ** BigInt(8 * 4096 - 1) - 1n;
      assert.equal(decodePickle(encodePickle(largest)), largest);
      assert.equal(decodePickle(latin1Bytes(`L${largest}L\n.`)), largest);
    });
  });

  describe('arbitrary bytes', () => {
    const OPCODES = encodeUtf8('().012BCFGIJKLMNRVX]abcdeghjlpqrstu}');
    const HIGH = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);
    const opcode = fc.constantFrom(...OPCODES, ...HIGH);

    function survives(bytes: Bytes): void {
      try {
        decodePickle(bytes);
      } catch (error) {
        assert.ok(error instanceof SottoError && error.code === 'invalid_body', String(error));
      }
    }

    test('are read or refused', () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), survives), { numRuns: 3000 });
    });

    test('are read or refused where they look like opcodes', () => {
      // Plain pushes in front, so that the stack is seldom what ends the reading.
      const stack = latin1Bytes('N]\x94}\x94\x8f\x94)(K\x01K\x02');
      const programs = fc
        .array(fc.oneof(opcode, fc.integer({ min: 0, max: 3 })), { maxLength: 60 })
        .map((opcodes) => concat(stack, Uint8Array.from(opcodes), encodeUtf8('.')));
      fc.assert(fc.property(programs, survives), { numRuns: 5000 });
    });

    test('are read or refused where they were a pickle', () => {
      const changed = fc
        .tuple(values, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }))
        .map(([value, changes]) => {
          const pickle = encodePickle(value);
          for (const [place, byte] of changes) pickle[place % pickle.length] = byte;
          return pickle;
        });
      fc.assert(fc.property(changed, survives), { numRuns: 2000 });
    });
  });
});

describe("Python's str()", () => {
  test('is what Python prints', () => {
    const cases: readonly (readonly [unknown, string])[] = [
      ['as it is: \n\'"', 'as it is: \n\'"'],
      [['spinach', 'vegetable', 'green'], "['spinach', 'vegetable', 'green']"],
      [{ a: 1, b: null }, "{'a': 1, 'b': None}"],
      [new Map<unknown, unknown>([[1, true]]), '{1: True}'],
      [new Set(), 'set()'],
      [new Set([1, false]), '{1, False}'],
      [new Array(2), '[None, None]'],
      [undefined, 'None'],
      [12, '12'],
      [2n ** 64n, '18446744073709551616'],
      [0.1, '0.1'],
      [-0, '-0.0'],
      [1e15, '1000000000000000'],
      [2 ** 53, '9007199254740992.0'],
      [1e16, '1e+16'],
      [1.5e300, '1.5e+300'],
      [0.0001, '0.0001'],
      [0.00001, '1e-05'],
      [5e-324, '5e-324'],
      [[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], '[nan, inf, -inf]'],
      [new Uint8Array([0, 9, 10, 13, 32, 39, 92, 126, 127, 255]), `b"\\x00\\t\\n\\r '\\\\~\\x7f\\xff"`],
      [[`it's`, `"`, `'"`, `\\`], `["it's", '"', '\\'"', '\\\\']`],
      [['\t\n\r\0\x7f\xa0\xad'], `['\\t\\n\\r\\x00\\x7f\\xa0\\xad']`],
      [['é€😀 \u3000\u200b\ue000\u{e0001}\ud800'], `['é€😀 \\u3000\\u200b\\ue000\\U000e0001\\ud800']`],
    ];
    for (const [value, text] of cases) assert.equal(pythonText(value), text);
  });

  test('refuses what Python has no type for', () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    for (const value of [new Date(0), () => 1, Symbol('a'), new Set([[1]]), cyclic, nested(257)]) {
      assert.throws(() => pythonText(value), INVALID);
    }
    assert.equal(pythonText(nested(256)), '['.repeat(256) + ']'.repeat(256));
  });
});

describe("Python's json.dumps()", () => {
  test('is what Python writes', () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [{ a: [1, 'b', null, true], c: {} }, '{"a": [1, "b", null, true], "c": {}}'],
      [
        'é€😀"\\\b\f\n\r\t\0\x1f\x7f/\ud800',
        String.raw`"\u00e9\u20ac\ud83d\ude00\"\\\b\f\n\r\t\u0000\u001f\u007f/\ud800"`,
      ],
      [{ é: 1 }, '{"\\u00e9": 1}'],
      [[1e16, 0.1, 1e-7, 12, -0], '[1e+16, 0.1, 1e-07, 12, -0.0]'],
    ];
    for (const [value, text] of cases) assert.equal(pythonJson(value), text);
  });

  test('treats undefined, functions and toJSON as JSON.stringify does', () => {
    const values = [
      { a: undefined, b: [undefined, () => 1, Symbol('a')], c: () => 1, d: 1 },
      { at: new Date(0), none: { toJSON: () => undefined }, key: { toJSON: (key: string) => `I am ${key}` } },
      [{ toJSON: (key: string) => key }],
      { toJSON: () => ({ toJSON: 1 }) },
      new Array(2),
    ];
    for (const value of values) {
      assert.deepEqual(JSON.parse(pythonJson(value)), JSON.parse(JSON.stringify(value)));
    }
  });

  test('refuses what JSON cannot hold', () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    const endless = { toJSON: () => ({ endless }) };
    const refused = [
      undefined,
      () => 1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1n,
      new Map(),
      new Set(),
      new Uint8Array(1),
      Buffer.from('a'),
      { toJSON: () => new Uint8Array(1) },
      cyclic,
      endless,
      nested(257),
    ];
    for (const value of refused) assert.throws(() => pythonJson(value), INVALID);
    assert.equal(pythonJson(nested(256)), '['.repeat(256) + ']'.repeat(256));
  });

  test('is JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        assert.deepEqual(JSON.parse(pythonJson(value)), value);
      }),
    );
  });
});

function latin1Bytes(text: string): Bytes {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function refusal(bytes: Bytes): Error {
  try {
    decodePickle(bytes);
  } catch (error) {
    if (error instanceof SottoError && error.code === 'invalid_body') return error;
    throw error;
  }
  return assert.fail(`read ${encodeHex(bytes)}`);
}
