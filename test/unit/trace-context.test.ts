/** Trace contexts in tracing fields: W3C's rules, and nothing that a stranger writes there is an error. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/bytes/text.ts';
import { handedOn } from '../../src/pubsub/operations/trace-context.ts';
import { decodeTraceContext, encodeTraceContext, type TraceContext } from '../../src/wire/trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const CONTEXT: TraceContext = { traceId: TRACE, spanId: SPAN, flags: 1, state: '' };

function decode(text: string): TraceContext | null {
  return decodeTraceContext(encodeUtf8(text));
}

describe('a trace context', () => {
  test('is text that anybody can read', () => {
    assert.equal(decodeUtf8(encodeTraceContext(CONTEXT)), `traceparent=00-${TRACE}-${SPAN}-01`);
    const text = `traceparent=00-${TRACE}-${SPAN}-00;tracestate=congo=t61rcWkgMzE,rojo=00f067;x`;
    const context = { ...CONTEXT, flags: 0, state: 'congo=t61rcWkgMzE,rojo=00f067;x' };
    assert.equal(decodeUtf8(encodeTraceContext(context)), text);
    assert.deepEqual(decode(text), context);
  });

  test('begins with what the simple tracing cannot begin with', () => {
    assert.ok((encodeTraceContext(CONTEXT)[0] ?? 0) > 1);
  });

  test('of a later version is read as far as it is known', () => {
    assert.deepEqual(decode(`traceparent=01-${TRACE}-${SPAN}-01`), CONTEXT);
    assert.deepEqual(decode(`traceparent=cc-${TRACE}-${SPAN}-01-what-the-future-brings`), CONTEXT);
    assert.equal(decode(`traceparent=cc-${TRACE}-${SPAN}-01.what`), null);
  });

  test('is nothing else', () => {
    const zeros = [`00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`];
    const wrong = [`ff-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01-more`, `00-${TRACE}-${SPAN}`];
    const cased = [
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-0`,
      ` 00-${TRACE}-${SPAN}-01`,
    ];
    for (const parent of [...zeros, ...wrong, ...cased, ''])
      assert.equal(decode(`traceparent=${parent}`), null, parent);
    for (const text of ['', 't', 'traceparent', `traceparent: 00-${TRACE}-${SPAN}-01`, '{}'])
      assert.equal(decode(text), null);
    const broken = concat(encodeTraceContext(CONTEXT), Uint8Array.of(0x3b, 0xff));
    assert.equal(decodeTraceContext(broken), null, 'not UTF-8');
    assert.equal(decode(`traceparent=00-${TRACE}-${SPAN}-01;tracestate=${'x'.repeat(5000)}`), null);
  });

  test('stays one where its state is none', () => {
    for (const state of ['', 'a=ü', 'a=\n']) {
      assert.deepEqual(decode(`traceparent=00-${TRACE}-${SPAN}-01;tracestate=${state}`), CONTEXT);
    }
  });

  test('with a long state loses long members first, then the last', () => {
    const [long, short] = [`long=${'x'.repeat(200)}`, `s=${'y'.repeat(98)}`];
    const state = [short, long, short, short, short, short, short].join(',');
    const kept = [short, short, short, short, short].join(',');
    assert.equal(decodeTraceContext(encodeTraceContext({ ...CONTEXT, state }))?.state, kept);
    assert.ok(kept.length <= 512);
  });

  test('with ids that are none is not written', () => {
    for (const ids of [{ traceId: '0'.repeat(32) }, { spanId: '' }, { traceId: 'x'.repeat(32) }]) {
      assert.deepEqual(encodeTraceContext({ ...CONTEXT, ...ids }), EMPTY);
    }
  });
});

test('what was encoded decodes to the same, and arbitrary bytes to nothing or to what encodes', () => {
  const hex = (length: number): fc.Arbitrary<string> =>
    fc
      .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
      .filter((digits) => !/^0+$/.test(digits));
  const member = fc.string({ unit: fc.constantFrom(...'abc;=-_ '), minLength: 1, maxLength: 30 });
  const state = fc.array(member, { maxLength: 5 }).map((members) => members.join(','));
  const contexts = fc.record(
    { traceId: hex(32), spanId: hex(16), flags: fc.integer({ min: 0, max: 255 }), state },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(contexts, (context) =>
      assert.deepEqual(decodeTraceContext(encodeTraceContext(context)), context),
    ),
  );
  const tails = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(tails, fc.boolean(), (tail, isNear) => {
      const bytes = isNear ? concat(encodeTraceContext(CONTEXT), tail) : tail;
      const context = decodeTraceContext(bytes);
      if (context) assert.deepEqual(decodeTraceContext(encodeTraceContext(context)), context);
    }),
  );
});

test('a broadcaster hands on a context, and nothing else', () => {
  const context = encodeTraceContext({ ...CONTEXT, state: 'a=b' });
  assert.deepEqual(handedOn(context), context);
  assert.equal(handedOn(EMPTY), EMPTY);
  assert.equal(handedOn(encodeUtf8('traceparent=secret of the notifier')), EMPTY);
  const later = encodeUtf8(`traceparent=01-${TRACE}-${SPAN}-01-more`);
  assert.equal(decodeUtf8(handedOn(later)), `traceparent=00-${TRACE}-${SPAN}-01`);
});
