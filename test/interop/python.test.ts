/** Pickles and Python's texts, against the python3 of this machine: one child process is asked everything. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Bytes } from '../../src/bytes/bytes.ts';
import { decodePickle, encodePickle } from '../../src/wire/pickle.ts';
import { pythonJson, pythonText } from '../../src/wire/python-text.ts';

const PROTOCOLS = [0, 1, 2, 3, 4, 5] as const;
const INVALID = { name: 'SottoError', code: 'invalid_body' };
const SEED = 20251121;
const SAMPLES = 800;

/** A value with its Python type, so that both sides mean the same: 1 is not 1.0, and -0.0 not 0. */
type Typed =
  | readonly ['none']
  | readonly ['bool', boolean]
  | readonly ['int' | 'float' | 'bytes', hex: string]
  | readonly ['str', string]
  | readonly ['list' | 'set', readonly Typed[]]
  | readonly ['dict', readonly (readonly [Typed, Typed])[]];

interface Question {
  readonly value: Typed;
  /** Our pickle of it, in hex. */
  readonly pickle: string;
}

/** Of an expression, only the pickles. */
interface Answer {
  /** What Python read from our pickle. */
  readonly loaded: Typed;
  /** Python's pickles by protocol, in hex. */
  readonly pickles: readonly string[];
  readonly text: string;
  /** Null where `json.dumps` refuses. */
  readonly json: string | null;
}

interface ExpressionQuestion {
  readonly expression: string;
}

const DRIVER = `
import sys, json, pickle, struct, os, collections, datetime, copyreg, _pickle
assert pickle.Pickler is _pickle.Pickler

class Evil:
    def __reduce__(self):
        return (os.system, ('echo owned',))

def build(typed):
    kind = typed[0]
    if kind == 'none': return None
    if kind == 'bool': return typed[1]
    if kind == 'int': return int(typed[1], 16)
    if kind == 'float': return struct.unpack('>d', bytes.fromhex(typed[1]))[0]
    if kind == 'str': return typed[1]
    if kind == 'bytes': return bytes.fromhex(typed[1])
    if kind == 'list': return [build(each) for each in typed[1]]
    if kind == 'set': return {build(each) for each in typed[1]}
    if kind == 'dict': return {build(key): build(value) for key, value in typed[1]}
    raise ValueError(kind)

def typed(value):
    kind = type(value)
    if value is None: return ['none']
    if kind is bool: return ['bool', value]
    if kind is int: return ['int', format(value, 'x')]
    if kind is float: return ['float', struct.pack('>d', value).hex()]
    if kind is str: return ['str', value]
    if kind is bytes: return ['bytes', value.hex()]
    if kind is list: return ['list', [typed(each) for each in value]]
    if kind is set: return ['set', [typed(each) for each in value]]
    if kind is dict: return ['dict', [[typed(key), typed(each)] for key, each in value.items()]]
    raise ValueError(kind)

def dumped(value):
    return [pickle.dumps(value, protocol).hex() for protocol in range(6)]

def to_json(value):
    try: return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError): return None

for line in sys.stdin.buffer:
    question = json.loads(line)
    if 'expression' in question:
        value = eval(question['expression'])
        answer = {'pickles': dumped(value)}
    else:
        value = build(question['value'])
        loaded = pickle.loads(bytes.fromhex(question['pickle']))
        answer = {'loaded': typed(loaded), 'pickles': dumped(value), 'text': str(value), 'json': to_json(value)}
    print(json.dumps(answer))
`;

/** What Python answers to each question, which is one line of JSON. */
function askPython(questions: readonly (Question | ExpressionQuestion)[]): Answer[] {
  const input = questions.map((question) => `${JSON.stringify(question)}\n`).join('');
  const { error, status, stdout, stderr } = spawnSync('python3', ['-c', DRIVER], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  assert.ok(
    !error,
    `These tests need python3 (3.8 or newer) on the PATH; it did not start: ${error?.message}`,
  );
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

function typed(value: unknown): Typed {
  if (value === null) return ['none'];
  if (typeof value === 'boolean') return ['bool', value];
  if (typeof value === 'string') return ['str', value];
  if (typeof value === 'bigint') return ['int', value.toString(16)];
  if (typeof value === 'number') {
    const isInt = Number.isSafeInteger(value) && !Object.is(value, -0);
    return isInt ? ['int', value.toString(16)] : ['float', hexOf(float64(value))];
  }
  if (value instanceof Uint8Array) return ['bytes', hexOf(value)];
  if (Array.isArray(value)) return ['list', value.map(typed)];
  if (value instanceof Set) return ['set', [...value].map(typed)];
  const entries = value instanceof Map ? [...value] : Object.entries(value as object);
  return ['dict', entries.map(([key, each]) => [typed(key), typed(each)])];
}

function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** The members of sets in one order, whoever wrote them. */
function sorted(value: Typed): Typed {
  if (value[0] === 'list') return ['list', value[1].map(sorted)];
  if (value[0] === 'dict') return ['dict', value[1].map(([key, each]) => [sorted(key), sorted(each)])];
  if (value[0] !== 'set') return value;
  return ['set', value[1].toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1))];
}

/** Every value inside `value`, itself too. */
function parts(value: Typed): Typed[] {
  if (value[0] === 'list' || value[0] === 'set') return [value, ...value[1].flatMap(parts)];
  if (value[0] === 'dict') return [value, ...value[1].flat().flatMap(parts)];
  return [value];
}

/** Whether a str or bytes comes twice: Python may hold both as one object, which it then writes once. */
function repeats(value: Typed): boolean {
  const texts = parts(value)
    .filter(([kind]) => kind === 'str' || kind === 'bytes')
    .map((each) => JSON.stringify(each));
  return new Set(texts).size < texts.length;
}

// Code points that every version of Unicode since 14 puts into the same category, and the characters that repr() minds.
const CODE_POINTS: readonly (readonly [number, number])[] = [
  [0x00, 0x7f],
  [0x22, 0x27],
  [0x5c, 0x5c],
  [0x80, 0x24f],
  [0x400, 0x4ff],
  [0x2000, 0x2064],
  [0x3000, 0x3040],
  [0x4e00, 0x4eff],
  [0xe000, 0xe010],
  [0xfeff, 0xfeff],
  [0xfffd, 0xffff],
  [0x1f600, 0x1f64f],
  [0xe0001, 0xe0001],
  [0x10fffe, 0x10ffff],
];
const character = fc
  .oneof(...CODE_POINTS.map(([min, max]) => fc.integer({ min, max })))
  .map((code) => String.fromCodePoint(code));
const text = fc.string({ unit: character, maxLength: 12 });

const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.constantFrom(0, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1),
  fc.double(),
  fc.constantFrom(-0, 1e15, 1e16, 2 ** 53, 1e21, 1e22, 1e-4, 9.999e-5, 5e-324, 1.7976931348623157e308),
  fc
    .tuple(fc.integer(), fc.integer({ min: -330, max: 300 }))
    .map(([digits, exponent]) => Number(`${digits}e${exponent}`)),
);
const bigint = fc
  .tuple(fc.integer({ min: 6, max: 260 }), fc.bigInt({ min: -3n, max: 3n }), fc.boolean())
  .map(([size, offset, negative]) => (2n ** BigInt(8 * size) + offset) * (negative ? -1n : 1n))
  .filter((big) => !Number.isSafeInteger(Number(big)));
const jsonLeaf = fc.oneof(fc.constantFrom(null, true, false), number, text);
const leaf = fc.oneof({ weight: 3, arbitrary: jsonLeaf }, bigint, fc.uint8Array({ maxLength: 40 }));
/** In Python 1, 1.0 and True are one key. */
const key = fc.oneof(text, fc.integer({ min: 2 }), bigint, fc.constantFrom(null, 0.5, -2.5e-9, 1e300));

const { json: jsonValues, plain: plainValues } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    jsonLeaf,
    fc.array(tie('json'), { maxLength: 6 }),
    fc.dictionary(text, tie('json'), { maxKeys: 6, noNullPrototype: true }),
  ),
  plain: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('plain'), { maxLength: 6 }),
    fc.dictionary(text, tie('plain'), { maxKeys: 6, noNullPrototype: true }),
    fc
      .tuple(fc.integer({ min: 2 }), tie('plain'), fc.array(fc.tuple(key, tie('plain')), { maxLength: 4 }))
      .map(([first, value, entries]) => new Map<unknown, unknown>([[first, value], ...entries])),
    fc.array(key, { maxLength: 5 }).map((members) => new Set(members)),
  ),
}));

const numbered = (count: number) => Array.from({ length: count }, (_, index) => index + 2);
const LARGE: readonly unknown[] = [
  ...[1, 2, 999, 1000, 1001, 2000, 2001].flatMap((count) => [
    numbered(count),
    new Map(numbered(count).map((each) => [each, null])),
    new Set(numbered(count)),
  ]),
  ...[255, 256, 65_529, 65_530, 65_535, 65_536, 65_537, 200_000].flatMap((length) => [
    'x'.repeat(length),
    new Uint8Array(length),
    [`${length}`, 'é'.repeat(length / 2), 1, new Uint8Array(length), 'end'],
  ]),
  numbered(20_000).map((each) => `text ${each}`),
  numbered(20_000),
  2n ** 2031n,
  2n ** 2039n - 1n,
  2n ** 2039n,
  -(2n ** 2039n),
  -(2n ** 2039n) - 1n,
  2n ** 14_000n,
];

const sampled = [
  ...fc.sample(jsonValues, { seed: SEED, numRuns: SAMPLES / 2 }),
  ...fc.sample(plainValues, { seed: SEED, numRuns: SAMPLES / 2 }),
];
const values: readonly unknown[] = [...sampled, ...LARGE];

/** Python expressions, and what they are here. */
const READABLE: readonly (readonly [expression: string, value: unknown, fromProtocol: number])[] = [
  ['()', [], 0],
  ['(1,)', [1], 0],
  ['(1, (2, "a"), (3, 4, 5), (6, 7, 8, 9))', [1, [2, 'a'], [3, 4, 5], [6, 7, 8, 9]], 0],
  ['{(1, 2): 3}', new Map([[[1, 2], 3]]), 0],
  ['{"__proto__": {"a": 1}}', JSON.parse('{"__proto__": {"a": 1}}'), 0],
  ['frozenset({1})', new Set([1]), 4],
  ['frozenset()', new Set(), 4],
  ['{frozenset({(1, "a")})}', new Set([new Set([[1, 'a']])]), 4],
  ['bytearray(b"abc")', new Uint8Array([97, 98, 99]), 5],
  ['[x := [1], x, (x, x)]', [[1], [1], [[1], [1]]], 0],
  ['(lambda d: [d, d, {"again": d}])({"a": "b"})', [{ a: 'b' }, { a: 'b' }, { again: { a: 'b' } }], 0],
  ['[1.0, -0.0, 1e300]', [1, -0, 1e300], 0],
];

/** Python expressions that are refused, whatever the protocol. */
const REFUSED: readonly string[] = [
  'Evil()',
  '[1, {"a": Evil()}]',
  'os.system',
  'print',
  'int',
  'copyreg._reconstructor',
  'collections.OrderedDict(a=1)',
  'collections.Counter("abc")',
  'datetime.datetime(2025, 1, 1)',
  'datetime.date(2025, 1, 1)',
  '1j',
  'range(3)',
  'slice(3)',
  'Ellipsis',
  'Exception("no")',
  '"\\ud800"',
  '["\\ud83d\\ude00"[:1]]',
  '(lambda l: (l.append(l), l)[1])([])',
  '(lambda l: (l.append((l,)), l[0])[1])([])',
  '(lambda d: (d.update(a=d), d)[1])({})',
  '(lambda f: f(f, 256))(lambda f, n: [] if n == 0 else [f(f, n - 1)])',
  '(lambda f: f(f, 60))(lambda f, n: (lambda x: [x, x])([] if n == 0 else f(f, n - 1)))',
];

const fromHex = (hex: string): Bytes => new Uint8Array(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Bytes): string => Buffer.from(bytes).toString('hex');

function holds(value: Typed, kind: Typed[0]): boolean {
  return parts(value).some((part) => part[0] === kind);
}

/** Python 3 has opcodes for bytes from protocol 3 on, for sets from 4 on; before, it calls functions by their names. */
function firstReadable(value: Typed): number {
  if (holds(value, 'set')) return 4;
  return holds(value, 'bytes') ? 3 : 0;
}

/** Whether a set has members in an order that Python alone knows. */
function isUnordered(value: Typed): boolean {
  return parts(value).some((part) => part[0] === 'set' && part[1].length > 1);
}

describe('with python3', () => {
  interface Case {
    readonly value: unknown;
    readonly typed: Typed;
    readonly pickle: Bytes;
    readonly answer: Answer;
  }
  let cases: readonly Case[] = [];
  const pickles = new Map<string, readonly Bytes[]>();

  before(() => {
    const asked = values.map((value) => ({ value, typed: typed(value), pickle: encodePickle(value) }));
    const expressions = [...READABLE.map(([expression]) => expression), ...REFUSED];
    const answers = askPython([
      ...asked.map((each) => ({ value: each.typed, pickle: hexOf(each.pickle) })),
      ...expressions.map((expression) => ({ expression })),
    ]);
    const answerTo = (index: number): Answer => answers[index] ?? assert.fail('Python left a question out.');
    cases = asked.map((each, index) => ({ ...each, answer: answerTo(index) }));
    for (const [index, expression] of expressions.entries()) {
      pickles.set(expression, answerTo(asked.length + index).pickles.map(fromHex));
    }
  });

  test('Python reads what we write', () => {
    assert.ok(cases.length >= SAMPLES);
    for (const { typed, answer } of cases) assert.deepEqual(sorted(answer.loaded), sorted(typed));
  });

  for (const protocol of PROTOCOLS) {
    test(`we read what Python writes in protocol ${protocol}`, () => {
      for (const { value, typed, answer } of cases) {
        const pickle = fromHex(answer.pickles[protocol] ?? '');
        if (protocol >= firstReadable(typed)) assert.deepEqual(decodePickle(pickle), value);
        else assert.throws(() => decodePickle(pickle), INVALID);
      }
    });
  }

  test('we write the bytes that Python writes', () => {
    const comparable = cases.filter((each) => !repeats(each.typed) && !isUnordered(each.typed));
    assert.ok(comparable.length > SAMPLES / 2, `only ${comparable.length} can be compared`);
    for (const { pickle, answer } of comparable) assert.equal(hexOf(pickle), answer.pickles[4]);
  });

  test('what we read from Python we write the same again', () => {
    const comparable = cases.filter((each) => !repeats(each.typed));
    for (const { answer } of comparable) {
      const pickle = answer.pickles[4] ?? '';
      assert.equal(hexOf(encodePickle(decodePickle(fromHex(pickle)))), pickle);
    }
  });

  test("pythonText is Python's str()", () => {
    for (const { value, typed, answer } of cases) {
      // Decoded from Python's pickle, a set has its members in Python's order.
      assert.equal(pythonText(decodePickle(fromHex(answer.pickles[4] ?? ''))), answer.text);
      if (!isUnordered(typed)) assert.equal(pythonText(value), answer.text);
    }
  });

  test("pythonJson is Python's json.dumps()", () => {
    const comparable = cases.slice(0, SAMPLES / 2);
    assert.ok(comparable.filter((each) => each.answer.json !== null).length > SAMPLES / 4);
    for (const { value, answer } of comparable) {
      if (answer.json === null) assert.throws(() => pythonJson(value), INVALID);
      else assert.equal(pythonJson(value), answer.json);
    }
  });

  for (const [expression, value, first] of READABLE) {
    test(`${expression} is read from protocol ${first} on`, () => {
      for (const protocol of PROTOCOLS) {
        const pickle = pickles.get(expression)?.[protocol] ?? assert.fail();
        if (protocol >= first) assert.deepEqual(decodePickle(pickle), value);
        else assert.throws(() => decodePickle(pickle), INVALID);
      }
    });
  }

  for (const expression of REFUSED) {
    test(`${expression} is refused`, () => {
      for (const protocol of PROTOCOLS) {
        const pickle = pickles.get(expression)?.[protocol] ?? assert.fail();
        assert.throws(() => decodePickle(pickle), INVALID, `protocol ${protocol}`);
      }
    });
  }
});
