/** What a handler is given: the message with its parameters, the reply to be, and the road's facts. */

import { SottoError, StatusError } from '../errors.ts';
import type {
  InboundMessage,
  Logger,
  Proof,
  Protocol,
  Reply,
  RepresentationLetter,
  Sender,
  SessionHandle,
} from './message.ts';

/** Seen by handlers and middleware. `Params` and `Body` are inferred from the route and its schema. */
export interface Context<Params = Readonly<Record<string, string>>, Body = unknown> {
  /** As it was asked for: `/weather/oslo`. */
  readonly route: string;
  /** What stood in the place of `:name` and `*`, by name; not percent-decoded. */
  readonly params: Params;
  /** The decoded body; the schema's output where the route has one. Throws a `StatusError` 400 if it cannot be decoded. */
  readonly body: Body;
  /** The body as it came. */
  readonly bytes: Uint8Array;
  /** How the body was written. */
  readonly representation: RepresentationLetter;
  /** Who sent it, only ever from cryptographic proof; null for anonymous. */
  readonly sender: Sender | null;
  /** What stands behind `sender`. */
  readonly proof: Proof;
  /** Nobody but the two ends, or the members of a group, could read it on its way. */
  readonly isSealed: boolean;
  /** By which job it came. */
  readonly protocol: Protocol;
  /** What carried it: `udp`, `tcp`, `http`, `ws` … */
  readonly transport: string;
  /** Where it came from, as `host:port`; unproven. Null where there is no such place. */
  readonly remote: string | null;
  /** The session it came by; null for a message that stands alone. */
  readonly session: SessionHandle | null;
  /** Aborted when the caller is gone or the route's time is up. */
  readonly signal: AbortSignal;
  /** What will be answered; a handler's returned value becomes `reply.value`. */
  reply: Reply;
  /** The app's. */
  readonly log: Logger;
}

const NO_BYTES = new Uint8Array(0);

/** A context whose body a schema may replace, and whose signal is made only when somebody looks at it. */
export class MessageContext implements Context {
  readonly params: Readonly<Record<string, string>>;
  readonly log: Logger;
  reply: Reply = { status: 0, value: undefined, representation: 'auto' };
  readonly #message: InboundMessage;
  #body: { readonly value: unknown } | null = null;
  #controller: AbortController | null = null;
  #stopped: { readonly reason: unknown } | null = null;

  constructor(message: InboundMessage, params: Readonly<Record<string, string>>, log: Logger) {
    this.#message = message;
    this.params = params;
    this.log = log;
  }

  get route(): string {
    return this.#message.route;
  }
  get body(): unknown {
    this.#body ??= { value: decodedBody(this.#message) };
    return this.#body.value;
  }
  get bytes(): Uint8Array {
    return this.#message.bytes ?? NO_BYTES;
  }
  get representation(): RepresentationLetter {
    return this.#message.representation ?? 'b';
  }
  get sender(): Sender | null {
    return this.#message.sender ?? null;
  }
  get proof(): Proof {
    return this.#message.proof ?? 'none';
  }
  get isSealed(): boolean {
    return this.#message.isSealed ?? false;
  }
  get protocol(): Protocol {
    return this.#message.protocol ?? 'local';
  }
  get transport(): string {
    return this.#message.transport ?? 'memory';
  }
  get remote(): string | null {
    return this.#message.remote ?? null;
  }

  get session(): SessionHandle | null {
    return this.#message.session ?? null;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#stopped) this.#controller.abort(this.#stopped.reason);
    }
    return this.#controller.signal;
  }

  /** The body as the schema gave it back. */
  setBody(body: unknown): void {
    this.#body = { value: body };
  }

  /** Tells the handler to stop. */
  stop(reason: unknown): void {
    this.#stopped = { reason };
    this.#controller?.abort(reason);
  }
}

/** What the sender wrote is the sender's fault; an `invalid_body` from anywhere else is the handler's failure. */
function decodedBody(message: InboundMessage): unknown {
  try {
    return message.body;
  } catch (cause) {
    if (!(cause instanceof SottoError) || cause.code !== 'invalid_body') throw cause;
    throw new StatusError(400, cause.message, { code: 'bad_request', cause });
  }
}
