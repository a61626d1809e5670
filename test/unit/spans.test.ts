/** Spans by the real SDK: none without one, and one trace from the notifier to the subscriber with it. */

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { loadSpans, NO_SPANS, type SpanSubject, type Spans } from '../../src/pubsub/operations/spans.ts';
import { decodeTraceContext, encodeTraceContext } from '../../src/wire/trace-context.ts';

const SUBJECT: SpanSubject = {
  topic: encodeUtf8('orders/new'),
  identifier: Uint8Array.of(1, 0xab),
  bytes: 42,
  url: null,
};
const REMOTE = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  flags: 1,
  state: 'congo=t61',
};

/** As @opentelemetry/context-async-hooks has it. */
class Contexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    within: Context,
    work: F,
    receiver?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(within, () => work.apply(receiver, args));
  }

  bind<T>(_context: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

test('without an SDK there are none, and nothing is asked of anybody', async () => {
  const spans = await loadSpans();
  assert.equal(await loadSpans(), spans, 'loaded once');
  const untouchable = new Proxy(SUBJECT, { get: () => assert.fail('it looked') });
  assert.equal(spans.start('notify', null, untouchable), null);
  assert.equal(spans.start('deliver', encodeTraceContext(REMOTE), untouchable), null);
  assert.equal(NO_SPANS.start('receive', EMPTY, untouchable), null);
});

test('without the API there are none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-spans-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'script.mjs');
  writeFileSync(
    file,
    `import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier !== '@opentelemetry/api') return next(specifier, context);
        throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });
    const { loadSpans, NO_SPANS } = await import(${JSON.stringify(resolve('src/pubsub/operations/spans.ts'))});
    console.log((await loadSpans()) === NO_SPANS);`,
  );
  assert.equal(execFileSync(process.execPath, [file], { encoding: 'utf8' }), 'true\n');
});

describe('with an SDK', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  let spans: Spans;

  before(async () => {
    spans = await loadSpans(); // before there is one
    trace.setGlobalTracerProvider(provider);
    context.setGlobalContextManager(new Contexts());
  });
  beforeEach(() => exporter.reset());
  after(() => provider.shutdown());

  function start(...args: Parameters<Spans['start']>): NonNullable<ReturnType<Spans['start']>> {
    return spans.start(...args) ?? assert.fail('no span');
  }

  function finished(): ReadableSpan[] {
    return exporter.getFinishedSpans();
  }

  test('a trace goes from the notifier by the broadcaster to the subscriber, by the tracing field alone', () => {
    const notify = start('notify', null, SUBJECT);
    const deliver = start('deliver', notify.tracing, { ...SUBJECT, url: 'http://me:pw@a.example/r?key=1#x' });
    const receive = start('receive', deliver.tracing, SUBJECT);
    for (const span of [receive, deliver, notify]) span.end();
    const [received, delivered, notified] = finished();
    assert.ok(received && delivered && notified);
    assert.deepEqual(
      [notified.kind, delivered.kind, received.kind],
      [SpanKind.PRODUCER, SpanKind.CLIENT, SpanKind.CONSUMER],
    );
    const traces = new Set(finished().map((span) => span.spanContext().traceId));
    assert.equal(traces.size, 1);
    assert.equal(notified.parentSpanContext, undefined);
    assert.equal(delivered.parentSpanContext?.spanId, notified.spanContext().spanId);
    assert.equal(received.parentSpanContext?.spanId, delivered.spanContext().spanId);
    assert.equal(received.parentSpanContext?.isRemote, true);
    assert.deepEqual(delivered.attributes, {
      'messaging.system': 'lonelyps',
      'messaging.operation.name': 'deliver',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'orders/new',
      'messaging.message.id': '01ab',
      'messaging.message.body.size': 42,
      'url.full': 'http://a.example/r',
    });
    assert.ok(!('url.full' in received.attributes));
  });

  test('says why without what is in a url besides its place', () => {
    start('deliver', null, SUBJECT).end(
      'http://me:pw@a.example/r?key=1#x cannot be reached: "https://b/?k=2".',
    );
    const [failed] = finished();
    assert.equal(failed?.status.message, 'http://a.example/r cannot be reached: "https://b/".');
  });

  test('goes on with a trace from elsewhere, with its state', () => {
    const span = start('deliver', encodeTraceContext(REMOTE), SUBJECT);
    const tracing = decodeTraceContext(span.tracing);
    assert.equal(tracing?.traceId, REMOTE.traceId);
    assert.notEqual(tracing?.spanId, REMOTE.spanId);
    assert.equal(tracing?.state, REMOTE.state);
    assert.equal(tracing?.flags, 1);
    span.end();
  });

  test('hands on that a trace is not recorded, and records nothing', () => {
    const span = start('deliver', encodeTraceContext({ ...REMOTE, flags: 0 }), SUBJECT);
    const tracing = decodeTraceContext(span.tracing);
    assert.deepEqual([tracing?.traceId, tracing?.flags], [REMOTE.traceId, 0]);
    span.end();
    assert.deepEqual(finished(), []);
  });

  test('begins a trace where the field holds none', () => {
    for (const parent of [null, EMPTY, encodeUtf8('what the Python sends'), new Uint8Array(19)]) {
      const span = start('receive', parent, SUBJECT);
      assert.ok(decodeTraceContext(span.tracing));
      span.end();
    }
    assert.ok(finished().every(({ parentSpanContext }) => parentSpanContext === undefined));
  });

  test('is the child of what is under way, and the parent of what is done in it', async () => {
    const handler = start('receive', null, SUBJECT);
    await handler.run(async () => {
      await Promise.resolve();
      start('notify', null, SUBJECT).end();
    });
    handler.end();
    const [notified, received] = finished();
    assert.equal(notified?.parentSpanContext?.spanId, received?.spanContext().spanId);
    assert.ok(!notified?.parentSpanContext?.isRemote);
    assert.throws(
      () =>
        handler.run(() => {
          throw new Error('as it was');
        }),
      /as it was/,
    );
  });

  test('says what went wrong', () => {
    start('deliver', null, SUBJECT).end('it answered with HTML');
    start('deliver', null, SUBJECT).end();
    const [failed, done] = finished();
    assert.deepEqual(failed?.status, { code: SpanStatusCode.ERROR, message: 'it answered with HTML' });
    assert.equal(done?.status.code, SpanStatusCode.UNSET);
  });

  test('is about any topic and any url', () => {
    start('deliver', null, { ...SUBJECT, topic: Uint8Array.of(0xff, 0), url: 'nowhere' }).end();
    assert.equal(finished()[0]?.attributes['messaging.destination.name'], '0xff00');
    assert.equal(finished()[0]?.attributes['url.full'], '');
  });
});
