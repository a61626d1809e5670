/**
 * Python's pickle, as far as it is data: what would name a class, call a function or run code is refused.
 *
 * ```text
 * pickle    80 04, the opcodes of one value, 2e; all after 80 04 in frames
 * frame     95 n(8), then n bytes of opcodes; it ends before the first value past 65536 bytes. Opcodes of fewer than
 *           4 bytes, and a str or bytes of 65536 bytes or more, lie bare between frames
 *
 * None      4e
 * bool      88 true, 89 false
 * int       4b u8 | 4d u16 | 4a i32 | 8a n(1) or 8b n(4), then n bytes, two's complement
 * float     47, then 8 bytes, big-endian (every other number here is little-endian)
 * str       8c n(1) or 58 n(4), then n bytes of UTF-8, then 94
 * bytes     43 n(1) or 42 n(4), then n bytes, then 94
 * list      5d 94, then: item 61, or batches of at most 1000: 28 item ... 65
 * dict      7d 94, then: key value 73, or batches of at most 1000: 28 key value ... 75
 * set       8f 94, then batches of at most 1000: 28 member ... 90
 * again     68 index(1) | 6a index(4): the same object as at the index-th 94
 * ```
 *
 * This is protocol 4, written byte for byte as CPython's C pickler writes it; protocols 0 to 5 are read. Types are those
 * of python-text.ts; a tuple comes back as an array, a frozenset as a Set, a bytearray as bytes, 1.0 as 1.
 * Sources: PEP 307, 3154 and 574; pickletools of Python's library; research/libraries.md, section 12.
 */

import { type Bytes, concatAll } from '../bytes/bytes.ts';
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '../bytes/text.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import {
  asPython,
  type DictEntry,
  latin1,
  MAX_DEPTH,
  Nesting,
  type PythonTypes,
  tooDeep,
} from './python-text.ts';

// Specified.
const WRITTEN_PROTOCOL = 4;
const HIGHEST_PROTOCOL = 5;
const MIN_FRAME = 4;
const FRAME_TARGET = 0x1_0000;
const BATCH = 1000;
const LINE_END = 0x0a;

// Chosen. Long integers are slow to print, so that a few bytes of input could cost seconds.
const MAX_INT_SIZE = 4096; // bytes; enough for 9863 digits
const MAX_INT_DIGITS = 10_000;
// Chosen: how much larger than the pickle its value may be. It grows by naming one object again and again.
const MAX_GROWTH = 1_000_000;

/**
 * The value as a pickle of protocol 4.
 *
 * @throws SottoError `invalid_body` for a value that Python's plain types cannot hold.
 */
export function encodePickle(value: unknown): Bytes {
  return new Pickler().dump(value);
}

/**
 * The value that a pickle of any protocol holds: None, bool, int, float, str, bytes and containers of them.
 *
 * @throws SottoError `invalid_body` for anything else; nothing in a pickle is ever run.
 */
export function decodePickle(bytes: Bytes): unknown {
  try {
    const { value } = new Finisher(bytes.length + MAX_GROWTH).finish(new Machine(bytes).run());
    return value;
  } catch (cause) {
    throw codeOf(cause) === 'invalid_body' ? cause : invalid(messageOf(cause), cause);
  }
}

interface Opcode {
  readonly byte: number;
  readonly run: (m: Machine) => void;
}

/** An opcode that does something to the stack. */
function action(byte: number, run: (m: Machine) => void): Opcode {
  return { byte, run };
}

/** An opcode that puts a value on the stack. */
function value(byte: number, make: (m: Machine) => unknown): Opcode {
  return { byte, run: (m) => m.push(make(m)) };
}

function refused(byte: number, what: string): Opcode {
  const run = () => {
    throw invalid(`it asks to ${what}, which is never done here`);
  };
  return { byte, run };
}

/** Every opcode there is, and what reading it does. Frozen are tuples and frozensets, which may be keys. */
const OPCODES = {
  PROTO: action(0x80, (m) => m.requireProtocol(m.uint(1))),
  FRAME: action(0x95, (m) => m.requireArrived(m.uint(8))),
  STOP: action(0x2e, (m) => m.stop()),

  NONE: value(0x4e, () => null),
  NEWTRUE: value(0x88, () => true),
  NEWFALSE: value(0x89, () => false),
  INT: value(0x49, (m) => integerOrBoolean(m.line())),
  BININT1: value(0x4b, (m) => m.uint(1)),
  BININT2: value(0x4d, (m) => m.uint(2)),
  BININT: value(0x4a, (m) => m.uint(4) | 0),
  LONG: value(0x4c, (m) => integerFromText(m.line().replace(/L$/, ''))),
  LONG1: value(0x8a, (m) => integerFromBytes(m.take(m.uint(1)))),
  LONG4: value(0x8b, (m) => integerFromBytes(m.take(m.uint(4)))),
  FLOAT: value(0x46, (m) => floatFromText(m.line())),
  BINFLOAT: value(0x47, (m) => floatFromBytes(m.take(8))),

  UNICODE: value(0x56, (m) => unescaped(m.line())),
  SHORT_BINUNICODE: value(0x8c, (m) => decodeUtf8(m.take(m.uint(1)))),
  BINUNICODE: value(0x58, (m) => decodeUtf8(m.take(m.uint(4)))),
  BINUNICODE8: value(0x8d, (m) => decodeUtf8(m.take(m.uint(8)))),
  SHORT_BINBYTES: value(0x43, (m) => new Uint8Array(m.take(m.uint(1)))),
  BINBYTES: value(0x42, (m) => new Uint8Array(m.take(m.uint(4)))),
  BINBYTES8: value(0x8e, (m) => new Uint8Array(m.take(m.uint(8)))),
  BYTEARRAY8: value(0x96, (m) => new Uint8Array(m.take(m.uint(8)))),

  EMPTY_TUPLE: value(0x29, () => Object.freeze([])),
  TUPLE1: value(0x85, (m) => Object.freeze(m.pop(1))),
  TUPLE2: value(0x86, (m) => Object.freeze(m.pop(2))),
  TUPLE3: value(0x87, (m) => Object.freeze(m.pop(3))),
  TUPLE: value(0x74, (m) => Object.freeze(m.popMark())),
  EMPTY_LIST: value(0x5d, () => []),
  LIST: value(0x6c, (m) => m.popMark()),
  APPEND: action(0x61, (m) => m.append(m.pop(1))),
  APPENDS: action(0x65, (m) => m.append(m.popMark())),
  EMPTY_DICT: value(0x7d, () => new Map()),
  DICT: value(0x64, (m) => withItems(new Map(), m.popMark())),
  SETITEM: action(0x73, (m) => m.setItems(m.pop(2))),
  SETITEMS: action(0x75, (m) => m.setItems(m.popMark())),
  EMPTY_SET: value(0x8f, () => new Set()),
  ADDITEMS: action(0x90, (m) => m.addItems(m.popMark())),
  FROZENSET: value(0x91, (m) => Object.freeze(withMembers(new Set(), m.popMark()))),

  MARK: action(0x28, (m) => m.mark()),
  POP: action(0x30, (m) => m.drop()),
  POP_MARK: action(0x31, (m) => m.popMark()),
  DUP: value(0x32, (m) => m.top()),
  PUT: action(0x70, (m) => m.put(indexFromText(m.line()))),
  BINPUT: action(0x71, (m) => m.put(m.uint(1))),
  LONG_BINPUT: action(0x72, (m) => m.put(m.uint(4))),
  MEMOIZE: action(0x94, (m) => m.memoize()),
  GET: value(0x67, (m) => m.get(indexFromText(m.line()))),
  BINGET: value(0x68, (m) => m.get(m.uint(1))),
  LONG_BINGET: value(0x6a, (m) => m.get(m.uint(4))),

  GLOBAL: refused(0x63, 'find a Python class or function by its name (GLOBAL)'),
  STACK_GLOBAL: refused(0x93, 'find a Python class or function by its name (STACK_GLOBAL)'),
  EXT1: refused(0x82, 'find a Python class or function by its number (EXT1)'),
  EXT2: refused(0x83, 'find a Python class or function by its number (EXT2)'),
  EXT4: refused(0x84, 'find a Python class or function by its number (EXT4)'),
  REDUCE: refused(0x52, 'call a Python function (REDUCE)'),
  BUILD: refused(0x62, 'set the state of a Python object (BUILD)'),
  INST: refused(0x69, 'make an object of a Python class (INST)'),
  OBJ: refused(0x6f, 'make an object of a Python class (OBJ)'),
  NEWOBJ: refused(0x81, 'make an object of a Python class (NEWOBJ)'),
  NEWOBJ_EX: refused(0x92, 'make an object of a Python class (NEWOBJ_EX)'),
  PERSID: refused(0x50, 'find an object that is kept elsewhere (PERSID)'),
  BINPERSID: refused(0x51, 'find an object that is kept elsewhere (BINPERSID)'),
  NEXT_BUFFER: refused(0x97, 'take bytes that were sent beside it (NEXT_BUFFER)'),
  READONLY_BUFFER: refused(0x98, 'take bytes that were sent beside it (READONLY_BUFFER)'),
  STRING: refused(0x53, 'guess whether a str of Python 2 is text or bytes (STRING)'),
  BINSTRING: refused(0x54, 'guess whether a str of Python 2 is text or bytes (BINSTRING)'),
  SHORT_BINSTRING: refused(0x55, 'guess whether a str of Python 2 is text or bytes (SHORT_BINSTRING)'),
};

const BY_BYTE: ReadonlyMap<number, Opcode> = new Map(Object.values(OPCODES).map((each) => [each.byte, each]));

/** Writes values. Containers and bytes are recognised when they come again; strings cannot be. */
class Pickler implements PythonTypes<void> {
  readonly #output = new Output();
  readonly #nesting = new Nesting();
  readonly #memo = new Map<object, number>();
  #memoized = 0;

  dump(value: unknown): Bytes {
    this.#save(value);
    this.#write(OPCODES.STOP);
    return this.#output.finish();
  }

  none(): void {
    this.#write(OPCODES.NONE);
  }

  bool(value: boolean): void {
    this.#write(value ? OPCODES.NEWTRUE : OPCODES.NEWFALSE);
  }

  int(value: number | bigint): void {
    if (value < -0x8000_0000 || value > 0x7fff_ffff) this.#long(BigInt(value));
    else if (value < 0 || value > 0xffff) this.#write(OPCODES.BININT, littleEndian(Number(value), 4));
    else if (value > 0xff) this.#write(OPCODES.BININT2, littleEndian(Number(value), 2));
    else this.#write(OPCODES.BININT1, [Number(value)]);
  }

  float(value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value);
    this.#write(OPCODES.BINFLOAT, bytes);
  }

  str(value: string): void {
    if (!value.isWellFormed()) throw invalid('half a surrogate pair is no text');
    this.#block(OPCODES.SHORT_BINUNICODE, OPCODES.BINUNICODE, encodeUtf8(value));
    this.#memoize();
  }

  bytes(value: Bytes): void {
    if (this.#again(value)) return;
    this.#block(OPCODES.SHORT_BINBYTES, OPCODES.BINBYTES, value);
    this.#memoize(value);
  }

  list(items: readonly unknown[], source: object): void {
    if (this.#again(source)) return;
    this.#write(OPCODES.EMPTY_LIST);
    this.#memoize(source);
    if (items.length === 1) this.#saveAll(items, OPCODES.APPEND);
    else this.#saveBatches(items, BATCH, OPCODES.APPENDS);
  }

  dict(entries: readonly DictEntry[], source: object): void {
    if (this.#again(source)) return;
    this.#write(OPCODES.EMPTY_DICT);
    this.#memoize(source);
    if (entries.length === 1) this.#saveAll(entries.flat(), OPCODES.SETITEM);
    else this.#saveBatches(entries.flat(), 2 * BATCH, OPCODES.SETITEMS);
  }

  set(members: readonly unknown[], source: object): void {
    if (this.#again(source)) return;
    this.#write(OPCODES.EMPTY_SET);
    this.#memoize(source);
    this.#saveBatches(members, BATCH, OPCODES.ADDITEMS);
  }

  #save(value: unknown): void {
    this.#output.betweenValues();
    asPython(value, this, this.#nesting);
  }

  #saveAll(values: readonly unknown[], end: Opcode): void {
    for (const value of values) this.#save(value);
    this.#write(end);
  }

  #saveBatches(values: readonly unknown[], batch: number, end: Opcode): void {
    // CPython counts the items of a list beforehand; after a full batch of anything else it begins another.
    const isFullLast = values.length > 0 && values.length % batch === 0 && end !== OPCODES.APPENDS;
    const stop = isFullLast ? values.length + 1 : values.length;
    for (let start = 0; start < stop; start += batch) {
      this.#write(OPCODES.MARK);
      this.#saveAll(values.slice(start, start + batch), end);
    }
  }

  #long(value: bigint): void {
    const bytes = integerToBytes(value);
    if (bytes.length <= 0xff) this.#write(OPCODES.LONG1, [bytes.length, ...bytes]);
    else this.#write(OPCODES.LONG4, [...littleEndian(bytes.length, 4), ...bytes]);
  }

  #block(short: Opcode, long: Opcode, data: Bytes): void {
    if (data.length > 0xffff_ffff) throw invalid('it has text or bytes of more than 4 GiB');
    if (data.length <= 0xff) this.#output.block([short.byte, data.length], data);
    else this.#output.block([long.byte, ...littleEndian(data.length, 4)], data);
  }

  #write({ byte }: Opcode, argument: Iterable<number> = []): void {
    this.#output.write([byte]);
    this.#output.write(argument);
  }

  #memoize(source?: object): void {
    this.#write(OPCODES.MEMOIZE);
    if (source) this.#memo.set(source, this.#memoized);
    this.#memoized++;
  }

  /** Whether `source` was written before, and now is referred to. */
  #again(source: object): boolean {
    const index = this.#memo.get(source);
    if (index === undefined) return false;
    if (index <= 0xff) this.#write(OPCODES.BINGET, [index]);
    else this.#write(OPCODES.LONG_BINGET, littleEndian(index, 4));
    return true;
  }
}

/** The bytes written so far, in frames. */
class Output {
  readonly #parts: Bytes[] = [Uint8Array.of(OPCODES.PROTO.byte, WRITTEN_PROTOCOL)];
  #frame: number[] = [];

  write(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#frame.push(byte);
  }

  /** A header and its data: outside the frames if they are large. */
  block(header: readonly number[], data: Bytes): void {
    if (data.length >= FRAME_TARGET) {
      this.#closeFrame();
      this.#parts.push(Uint8Array.from(header), data);
    } else {
      this.write(header);
      this.write(data);
    }
  }

  /** The one place where a frame that is large enough ends. */
  betweenValues(): void {
    if (this.#frame.length >= FRAME_TARGET) this.#closeFrame();
  }

  finish(): Bytes {
    this.#closeFrame();
    return concatAll(this.#parts);
  }

  #closeFrame(): void {
    const header = [OPCODES.FRAME.byte, ...littleEndian(this.#frame.length, 8)];
    if (this.#frame.length >= MIN_FRAME) this.#parts.push(Uint8Array.from(header));
    this.#parts.push(Uint8Array.from(this.#frame));
    this.#frame = [];
  }
}

/** Reads opcodes and does what they say. A dict is a Map here: what keys will come is not known yet. */
class Machine {
  readonly #bytes: Bytes;
  #offset = 0;
  #isRunning = true;
  #stack: unknown[] = [];
  /** The stacks below the open marks. */
  readonly #below: unknown[][] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  run(): unknown {
    while (this.#isRunning) {
      const byte = this.uint(1);
      const opcode = BY_BYTE.get(byte);
      if (!opcode) throw invalid(`byte ${byte} at offset ${this.#offset - 1} is no opcode`);
      opcode.run(this);
    }
    if (this.#offset < this.#bytes.length) throw invalid('there are bytes after its end');
    const [result] = this.pop(1);
    if (this.#stack.length > 0 || this.#below.length > 0) throw invalid('it leaves values on the stack');
    return result;
  }

  stop(): void {
    this.#isRunning = false;
  }

  requireProtocol(protocol: number): void {
    if (protocol > HIGHEST_PROTOCOL) throw invalid(`its protocol is ${protocol}, above ${HIGHEST_PROTOCOL}`);
  }

  requireArrived(length: number): void {
    const left = this.#bytes.length - this.#offset;
    if (length > left) throw invalid(`it is cut off: ${length} bytes are needed where ${left} are left`);
  }

  /** A view of the next bytes. */
  take(length: number): Bytes {
    this.requireArrived(length);
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  uint(size: number): number {
    this.requireArrived(size);
    this.#offset += size;
    let result = 0;
    for (let i = 1; i <= size; i++) result = result * 0x100 + (this.#bytes[this.#offset - i] ?? 0);
    return result;
  }

  /** Up to a line end, one character for each byte. */
  line(): string {
    const end = this.#bytes.indexOf(LINE_END, this.#offset);
    if (end < 0) throw invalid('it is cut off within a line');
    return latin1(this.take(end + 1 - this.#offset).subarray(0, -1));
  }

  push(item: unknown): void {
    this.#stack.push(item);
  }

  pop(count: number): unknown[] {
    if (count > this.#stack.length) throw invalid('it takes a value where there is none');
    return this.#stack.splice(-count);
  }

  top(): unknown {
    if (this.#stack.length === 0) throw invalid('it takes a value where there is none');
    return this.#stack.at(-1);
  }

  /** A value, or a mark where that is what lies on top. */
  drop(): void {
    if (this.#stack.length > 0) this.pop(1);
    else this.popMark();
  }

  mark(): void {
    this.#below.push(this.#stack);
    this.#stack = [];
  }

  /** Everything above the last mark. */
  popMark(): unknown[] {
    const below = this.#below.pop();
    if (!below) throw invalid('it takes values from a mark where there is none');
    const items = this.#stack;
    this.#stack = below;
    return items;
  }

  append(items: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list) || Object.isFrozen(list)) throw invalid('it appends to what is no list');
    for (const item of items) list.push(item);
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) throw invalid('it sets items of what is no dict');
    withItems(dict, items);
  }

  addItems(items: readonly unknown[]): void {
    const set = this.top();
    if (!(set instanceof Set) || Object.isFrozen(set)) throw invalid('it adds to what is no set');
    withMembers(set, items);
  }

  put(index: number): void {
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): unknown {
    if (!this.#memo.has(index)) throw invalid(`it refers to value ${index}, which it does not have`);
    return this.#memo.get(index);
  }
}

function withItems(dict: Map<unknown, unknown>, items: readonly unknown[]): Map<unknown, unknown> {
  if (items.length % 2 !== 0) throw invalid('a key of a dict has no value');
  for (let i = 0; i < items.length; i += 2) dict.set(hashable(items[i]), items[i + 1]);
  return dict;
}

function withMembers(set: Set<unknown>, items: readonly unknown[]): Set<unknown> {
  for (const item of items) set.add(hashable(item));
  return set;
}

function hashable(key: unknown): unknown {
  if (!isContainer(key) || Object.isFrozen(key)) return key;
  throw invalid('a list, dict or set is used as a key or as a member of a set');
}

interface Finished {
  readonly value: unknown;
  /** How many values and characters it has, written out. */
  readonly size: number;
  readonly depth: number;
}

/** Copies what the machine made, dicts as plain objects where they can be. What was one object stays one. */
class Finisher {
  readonly #maxSize: number;
  readonly #finished = new Map<object, Finished>();
  readonly #nesting = new Nesting();
  #size = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  finish(value: unknown): Finished {
    if (!isContainer(value)) return { value, size: this.#count(1 + lengthOf(value)), depth: 0 };
    const known = this.#finished.get(value);
    if (known) {
      this.#count(known.size);
      return known;
    }
    const finished = this.#nesting.within(value, () => this.#container(value));
    this.#finished.set(value, finished);
    return finished;
  }

  #container(container: Container): Finished {
    const before = this.#size;
    this.#count(1);
    const parts = partsOf(container).map((part) => this.finish(part));
    const depth = 1 + parts.reduce((deepest, part) => Math.max(deepest, part.depth), 0);
    if (depth > MAX_DEPTH) throw tooDeep();
    const values = parts.map((part) => part.value);
    return { value: rebuilt(container, values), size: this.#size - before, depth };
  }

  /** Counts while going on, so that a pickle made to be slow is left early. */
  #count(size: number): number {
    this.#size += size;
    if (this.#size > this.#maxSize) throw invalid('it refers to its own parts until it is far too large');
    return size;
  }
}

type Container = readonly unknown[] | ReadonlySet<unknown> | ReadonlyMap<unknown, unknown>;

function isContainer(value: unknown): value is Container {
  return Array.isArray(value) || value instanceof Set || value instanceof Map;
}

function partsOf(container: Container): readonly unknown[] {
  if (container instanceof Map) return [...container].flat();
  return container instanceof Set ? [...container] : (container as readonly unknown[]);
}

/** `values` as the kind of container that `container` is. */
function rebuilt(container: Container, values: unknown[]): unknown {
  if (Array.isArray(container)) return values;
  if (container instanceof Set) return new Set(values);
  const entries = Array.from(
    { length: values.length / 2 },
    (_, i) => [values[2 * i], values[2 * i + 1]] as const,
  );
  // `fromEntries` makes a `__proto__` like any other member.
  return entries.every(([key]) => typeof key === 'string') ? Object.fromEntries(entries) : new Map(entries);
}

/** No more than the bytes it took in the pickle. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  return typeof value === 'bigint' ? value.toString(16).length >> 1 : 0;
}

function littleEndian(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 0x100 ** index) & 0xff);
}

/** Two's complement in as few bytes as hold it, the sign too. */
function integerToBytes(value: bigint): Bytes {
  requireShort(value);
  const bits = (value < 0n ? ~value : value).toString(2).length + 1;
  const size = Math.ceil(bits / 8);
  const hex = BigInt.asUintN(8 * size, value).toString(16);
  return decodeHex(hex.padStart(2 * size, '0')).reverse();
}

function integerFromBytes(bytes: Bytes): number | bigint {
  if (bytes.length > MAX_INT_SIZE) throw tooLong();
  return integer(BigInt.asIntN(8 * bytes.length, BigInt(`0x0${encodeHex(bytes.toReversed())}`)));
}

function integerFromText(text: string): number | bigint {
  if (text.length > MAX_INT_DIGITS) throw tooLong();
  if (!/^-?(?:0|[1-9]\d*)$/.test(text)) throw invalid('a line of it is no integer');
  return integer(BigInt(text));
}

function integer(value: bigint): number | bigint {
  requireShort(value);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function requireShort(value: bigint): void {
  if (BigInt.asIntN(8 * MAX_INT_SIZE, value) !== value) throw tooLong();
}

function integerOrBoolean(text: string): number | bigint | boolean {
  if (text === '00' || text === '01') return text === '01';
  return integerFromText(text);
}

function indexFromText(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw invalid('a line of it is no index');
  return Number(text);
}

function floatFromBytes(bytes: Bytes): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0);
}

const SPECIAL_FLOATS: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
]);

function floatFromText(text: string): number {
  const special = SPECIAL_FLOATS.get(text);
  if (special !== undefined) return special;
  if (!/^-?\d+(?:\.\d*)?(?:e[+-]?\d+)?$/.test(text)) throw invalid('a line of it is no float');
  return Number(text);
}

/** Python's raw-unicode-escape: only \uXXXX and \UXXXXXXXX mean anything, and a backslash shields one after it. */
function unescaped(text: string): string {
  const escapes = /\\(?:u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.?))/gs;
  return text.replace(escapes, (match, four?: string, eight?: string, other?: string) => {
    const hex = four ?? eight;
    if (hex !== undefined) return character(Number.parseInt(hex, 16));
    if (other === 'u' || other === 'U') throw invalid('a line of it has half an escape');
    return match;
  });
}

function character(code: number): string {
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  if (code > 0x10ffff || isSurrogate) throw invalid('a line of it escapes what is no character');
  return String.fromCodePoint(code);
}

function tooLong(): SottoError {
  return invalid(`it has an integer of more than ${MAX_INT_SIZE} bytes`);
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_body', `This is not a pickle of plain data: ${why}.`, { cause });
}
