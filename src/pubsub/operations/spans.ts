/**
 * OpenTelemetry spans of notifying, delivering and receiving, where the program has OpenTelemetry. Its API is loaded once
 * and never needed; while no SDK is registered no span is made, which costs a look at one field.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { decodeTraceContext, encodeTraceContext } from '../../wire/trace-context.ts';
import { shownTopic } from '../adapter.ts';
import { shownUrl, withUrlsShown } from './shown-url.ts';

/** `notify`: somebody tells a broadcaster. `deliver`: it tells one subscriber. `receive`: that one takes it. */
type SpanName = 'notify' | 'deliver' | 'receive';

/** The message that a span is about. */
export interface SpanSubject {
  readonly topic: Bytes;
  readonly identifier: Bytes;
  /** Of the message. */
  readonly bytes: number;
  /** The other end; null where there is none to name. */
  readonly url: string | null;
}

export interface MessageSpan {
  /** What the tracing field of the next hop holds. */
  readonly tracing: Bytes;
  /** Runs `work` so that spans begun in it are children of this one. */
  run<T>(work: () => T): T;
  /** Called once. @param why what went wrong; empty where nothing did. */
  end(why?: string): void;
}

export interface Spans {
  /**
   * Begins a span.
   *
   * @param parent the tracing field that it came with, whatever that holds; null for what is under way in this program.
   * @returns null where nobody wants spans: then what came is handed on (see `handedOn`).
   */
  start(name: SpanName, parent: Bytes | null, subject: SpanSubject): MessageSpan | null;
}

type Api = typeof import('@opentelemetry/api');
type Context = ReturnType<Api['context']['active']>;
type TracerProvider = ReturnType<Api['trace']['getTracerProvider']>;
type Tracer = ReturnType<TracerProvider['getTracer']>;
type ApiSpan = ReturnType<Tracer['startSpan']>;

const TRACER = 'sotto';
/** As the conventions for messaging have it. */
const OPERATIONS = { notify: 'send', deliver: 'send', receive: 'process' } as const;
const KINDS = { notify: 'PRODUCER', deliver: 'CLIENT', receive: 'CONSUMER' } as const;
/** For a program that wants none. */
export const NO_SPANS: Spans = { start: () => null };

let loaded: Promise<Spans> | null = null;

/** The spans of this program: those of OpenTelemetry where its API is installed. Loaded once; never rejects. */
export function loadSpans(): Promise<Spans> {
  // Written so that bundlers, too, take its absence for what it is.
  loaded ??= import('@opentelemetry/api').then(
    (api) => new ApiSpans(api),
    () => NO_SPANS,
  );
  return loaded;
}

class ApiSpans implements Spans {
  readonly #api: Api;
  #tracer: Tracer | null = null;

  constructor(api: Api) {
    this.#api = api;
  }

  start(name: SpanName, parent: Bytes | null, subject: SpanSubject): MessageSpan | null {
    this.#tracer ??= this.#findTracer();
    if (!this.#tracer) return null;
    const context = this.#contextOf(parent);
    const kind = this.#api.SpanKind[KINDS[name]];
    const span = this.#tracer.startSpan(name, { kind, attributes: attributesOf(name, subject) }, context);
    return new ApiMessageSpan(this.#api, span, context);
  }

  /** That of the SDK, once there is one. */
  #findTracer(): Tracer | null {
    const provider: TracerProvider & Partial<StandIn> = this.#api.trace.getTracerProvider();
    // A stand-in says what it stands for; where there should be none, spans are begun for nobody, which does no harm.
    if (provider.getDelegateTracer) return provider.getDelegateTracer(TRACER) ?? null;
    return provider.getTracer(TRACER);
  }

  #contextOf(parent: Bytes | null): Context {
    const { context, trace, createTraceState } = this.#api;
    const active = context.active();
    const remote = parent && decodeTraceContext(parent);
    if (!remote) return active;
    const { traceId, spanId, flags: traceFlags, state } = remote;
    const traceState = state === '' ? {} : { traceState: createTraceState(state) };
    return trace.setSpanContext(active, { traceId, spanId, traceFlags, isRemote: true, ...traceState });
  }
}

interface StandIn {
  getDelegateTracer(name: string): Tracer | undefined;
}

class ApiMessageSpan implements MessageSpan {
  readonly #api: Api;
  readonly #span: ApiSpan;
  readonly #parent: Context;
  readonly tracing: Bytes;

  constructor(api: Api, span: ApiSpan, parent: Context) {
    this.#api = api;
    this.#span = span;
    this.#parent = parent;
    const { traceId, spanId, traceFlags, traceState } = span.spanContext();
    const state = traceState?.serialize() ?? '';
    this.tracing = encodeTraceContext({ traceId, spanId, flags: traceFlags, state });
  }

  run<T>(work: () => T): T {
    const { context, trace } = this.#api;
    return context.with(trace.setSpan(this.#parent, this.#span), work);
  }

  end(why = ''): void {
    if (why !== '') {
      this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: withUrlsShown(why) });
    }
    this.#span.end();
  }
}

function attributesOf(
  name: SpanName,
  { topic, identifier, bytes, url }: SpanSubject,
): Record<string, string | number> {
  return {
    'messaging.system': 'lonelyps',
    'messaging.operation.name': name,
    'messaging.operation.type': OPERATIONS[name],
    'messaging.destination.name': shownTopic(topic),
    'messaging.message.id': encodeHex(identifier),
    'messaging.message.body.size': bytes,
    ...(url === null ? {} : { 'url.full': shownUrl(url) }),
  };
}
