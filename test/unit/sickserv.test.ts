/** The parts of sickserv: values, keys of clients, who waits for whom, and the one warning. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { SILENT } from '../../src/app/message.ts';
import { lz4FrameSizes } from '../../src/platform/lz4-frame.ts';
import { Gate } from '../../src/session/legacy/gate.ts';
import { Inbox } from '../../src/session/legacy/inbox.ts';
import { KeyTable, newKeyFor } from '../../src/session/legacy/keys.ts';
import { SickservServer, sickservUrl } from '../../src/session/sickserv.ts';
import { decodeSickservJson, encodeSickservJson, sickservHabits } from '../../src/wire/sickserv.ts';

const PLAIN = sickservHabits('plain');

describe('payloads', () => {
  test('a Map keeps its order, and its whole numbers become text', () => {
    const payload = new Map<unknown, unknown>([
      ['b', 'x'],
      [2, 'y'],
      ['1', new Map([['a', 'z']])],
    ]);
    assert.equal(
      encodeSickservJson(payload, PLAIN),
      '{"b": "eA==\\n", "2": "eQ==\\n", "1": {"a": "eg==\\n"}}',
    );
  });

  test('names of prototypes are names like any other', () => {
    const json = '{"__proto__": {"toString": "eA=="}}';
    const payload = decodeSickservJson(json, PLAIN);
    assert.equal(Object.getPrototypeOf(payload), Object.prototype);
    assert.deepEqual(Object.keys(payload), ['__proto__']);
    assert.equal(encodeSickservJson(payload, PLAIN), '{"__proto__": {"toString": "eA==\\n"}}');
  });

  test('what no version sends is refused', () => {
    const itself: Record<string, unknown> = {};
    itself.self = itself;
    let deep: object = {};
    for (let level = 0; level < 300; level++) deep = { deep };
    const values = [undefined, null, 1, 1n, true, Number.NaN, new Date(), new Set(), () => {}, Symbol('s')];
    const payloads = [...values, '\ud800', [['a']], [{}], [1]].map((a) => ({ a }));
    for (const payload of [...payloads, itself, deep, new Map([[{}, 'a']])]) {
      assert.throws(() => encodeSickservJson(payload, PLAIN), { code: 'invalid_body' });
    }
    for (const payload of [...values, 'text', ['a'], Uint8Array.of(1)]) {
      assert.throws(() => encodeSickservJson(payload, PLAIN), { code: 'invalid_argument' });
    }
  });

  test('what is too deep or too much is refused', () => {
    for (const json of [`${'{"a":'.repeat(5000)}`, `{"a": [${'"",'.repeat(100_001)}""]}`]) {
      assert.throws(() => decodeSickservJson(json, PLAIN), { code: 'invalid_message' });
    }
  });
});

describe('an LZ4 frame', () => {
  const header = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
  const sizesOf = (...rest: number[]) => lz4FrameSizes(Uint8Array.of(...header, ...rest), 1000);

  test('of nothing, of a stored block, of a match that is longer than its block', () => {
    assert.deepEqual(sizesOf(0, 0, 0, 0), { frame: 11, content: 0 });
    assert.deepEqual(sizesOf(2, 0, 0, 0x80, 1, 2, 0, 0, 0, 0), { frame: 17, content: 2 });
    // One literal, a match of 4 + 15 + 255 + 1 bytes, no literals.
    const block = [0x1f, 0x61, 1, 0, 255, 1, 0];
    assert.deepEqual(sizesOf(block.length, 0, 0, 0, ...block, 0, 0, 0, 0), { frame: 22, content: 276 });
  });

  test('that lies is refused', () => {
    const invalid = { code: 'invalid_message' };
    assert.throws(() => sizesOf(), invalid); // no end mark
    assert.throws(() => sizesOf(9, 0, 0, 0, 1), invalid); // a block that is not there
    assert.throws(() => sizesOf(1, 0, 0, 0, 0xf0, 0, 0, 0, 0), invalid); // literals that are not there
    assert.throws(() => sizesOf(2, 0, 0, 0, 0x00, 1, 0, 0, 0, 0), invalid); // half an offset
    for (const [at, byte] of [
      [0, 5], // the magic number
      [4, 0x20], // another version
      [4, 0x61], // a dictionary
      [4, 0x62], // reserved
      [5, 0x30], // a size of blocks that is none
      [5, 0x41], // reserved
    ] as const) {
      const bytes = Uint8Array.of(...header, 0, 0, 0, 0);
      bytes[at] = byte;
      assert.throws(() => lz4FrameSizes(bytes, 1000), invalid);
    }
    const saysOne = Uint8Array.of(4, 0x22, 0x4d, 0x18, 0x68, 0x40, 1, 0, 0, 0, 0, 0, 0, 0, 0x82, 0, 0, 0, 0);
    assert.throws(() => lz4FrameSizes(saysOne, 1000), invalid);
  });

  test('is given up where it is too long, and a block where it is longer than blocks may be', () => {
    const bomb = [0x1f, 0x61, 1, 0, ...Array(300).fill(255), 0, 0];
    const size = [bomb.length & 255, bomb.length >> 8, 0, 0];
    assert.throws(() => sizesOf(...size, ...bomb), { code: 'invalid_message' });
    const less = [0x1f, 0x61, 1, 0, ...Array(4).fill(255), 0, 0];
    assert.throws(() => sizesOf(less.length, 0, 0, 0, ...less), { code: 'frame_too_large' });
  });
});

describe('keys of clients', () => {
  function table(limits: { maxKeys?: number; keyTtl?: number } = {}) {
    const clock = { now: 0 };
    const options = { initKey: 'first', maxKeys: 10, keyTtl: 1000, now: () => clock.now, ...limits };
    return { clock, keys: new KeyTable(options) };
  }

  test('who is not known has the first, and changes it for itself alone', () => {
    const { keys } = table();
    assert.deepEqual([keys.keysOf('a'), keys.keyOf('a'), keys.size], [['first'], 'first', 0]);
    keys.heard('a', 'first');
    assert.equal(keys.size, 0);
    keys.change('a', 'second', 'first');
    assert.deepEqual([keys.keyOf('a'), keys.keyOf('b')], ['second', 'first']);
  });

  test('the one before counts until the new one is heard', () => {
    const { keys } = table();
    keys.change('a', 'second', 'first');
    assert.deepEqual(keys.keysOf('a'), ['second', 'first']);
    keys.heard('a', 'first'); // the answer was lost
    assert.deepEqual([keys.keysOf('a'), keys.keyOf('a')], [['second', 'first'], 'first']);
    keys.change('a', 'third', 'first');
    assert.deepEqual([keys.keysOf('a'), keys.keyOf('a')], [['third', 'first'], 'third']);
    keys.heard('a', 'third');
    assert.deepEqual(keys.keysOf('a'), ['third']);
  });

  test('who is silent is forgotten, who is heard is not, and nobody makes room for strangers', () => {
    const { keys, clock } = table({ maxKeys: 2 });
    keys.change('a', 'A', 'first');
    keys.change('b', 'B', 'first');
    assert.throws(() => keys.change('c', 'C', 'first'), { code: 'unavailable' });
    clock.now = 600;
    keys.heard('a', 'A');
    keys.change('a', 'A2', 'A');
    clock.now = 1200;
    assert.deepEqual([keys.keyOf('a'), keys.keyOf('b')], ['A2', 'first']);
    keys.change('c', 'C', 'first');
    assert.deepEqual([keys.size, keys.keyOf('c')], [2, 'C']);
  });

  test('random letters are all as likely', () => {
    const drawn = newKeyFor({ key: '', length: ' +1024 ' });
    assert.match(drawn, /^[a-z]{1024}$/);
    assert.equal(new Set(drawn).size, 26);
    assert.equal(newKeyFor({ key: Buffer.from('ключ'), length: 'nonsense' }), 'ключ');
  });
});

test('who works alone waits for all who came before, and all who come later wait', async () => {
  const gate = new Gate();
  const done: string[] = [];
  const [first, alone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const note = (name: string) => async () => void done.push(name);
  const all = [
    gate.pass(async () => {
      await first.promise;
      done.push('slow');
      throw new Error('also when it fails');
    }),
    gate.pass(note('quick')),
    gate.alone(async () => {
      done.push('alone');
      await alone.promise;
    }),
    gate.pass(note('later')),
    gate.alone(async () => {
      done.push('alone again');
      throw new Error('and this');
    }),
    gate.pass(note('last')),
  ];
  const settled = Promise.allSettled(all);
  await new Promise(setImmediate);
  assert.deepEqual(done, ['quick']);
  assert.ok(gate.closed);
  first.resolve();
  await new Promise(setImmediate);
  assert.deepEqual(done, ['quick', 'slow', 'alone']);
  alone.resolve();
  const results = await settled;
  assert.deepEqual([done[3], done.length], ['later', 6]);
  assert.equal(gate.closed, null);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
});

test('what nobody reads stops the connection, and goes on once half is read', async () => {
  const flow: string[] = [];
  const inbox = new Inbox({ pause: () => flow.push('pause'), resume: () => flow.push('resume') });
  for (let n = 0; n < 300; n++) inbox.put({ n: String(n) });
  assert.deepEqual(flow, ['pause']);
  for (let n = 0; n < 300; n++) assert.deepEqual(await inbox.take(), { n: String(n) });
  assert.deepEqual(flow, ['pause', 'resume']);
  const waiting = [inbox.take(), inbox.take()];
  inbox.put({ n: 'one' });
  inbox.end(null);
  inbox.end(new Error('too late'));
  inbox.put({ n: 'too late' });
  assert.deepEqual(await Promise.all([...waiting, inbox.take()]), [{ n: 'one' }, null, null]);
});

describe('the warning', () => {
  const module = new URL('../../src/session/sickserv.ts', import.meta.url).href;
  /** What a program says on stderr. */
  function said(code: string): string {
    const script = `import * as s from '${module}';
      process.on('warning', ({ name, message }) => process.stdout.write(name + ': ' + message + '\\n'));
      ${code}`;
    const options = {
      encoding: 'utf8' as const,
      stdio: ['ignore' as const, 'pipe' as const, 'ignore' as const],
    };
    return execFileSync(process.execPath, ['--input-type=module', '-e', script], options);
  }

  test('comes once in a process, from whatever is used first', () => {
    const text = said(`
      const wire = s.processPayload('k', {}, { dialect: 'plain' });
      s.unprocessPayload('k', wire, { dialect: 'plain' });
      for (let n = 0; n < 3; n++) new s.SickservServer({ dialect: 'plain' });`);
    assert.match(text, /^SottoLegacyWarning: sickserv is on: RC4 [^\n]*\n$/);
  });

  test('does not come where the program says that it knows', () => {
    assert.equal(said(`new s.SickservServer({ dialect: 'plain', legacy: true });`), '');
  });

  test('goes to the log where there is one', () => {
    const lines: string[] = [];
    const log = { ...SILENT, warn: (_fields: object, text: string) => void lines.push(text) };
    new SickservServer({ dialect: 'plain', legacy: true, log });
    assert.match(lines.join(), /^sickserv is on/);
  });
});

test('port 443 is https from 0.0.3 on', () => {
  assert.equal(sickservUrl('example.org', 443), 'https://example.org');
  assert.equal(sickservUrl('example.org', 443, '0.0.2'), 'http://example.org:443');
});
