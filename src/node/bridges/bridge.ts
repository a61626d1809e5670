/** One bridge: takes messages of one job, and gives them to another. */

import { errorReply, type InboundMessage, type Logger, OK, type Reply } from '../../app/message.ts';
import { codeOf, messageOf, StatusError } from '../../errors.ts';
import { delay } from '../../transport/backoff.ts';
import type { Bridge as BridgeConfig, BridgeSource } from './config.ts';
import { fingerprintOf, type LoopGuard, type LoopWire } from './loop-guard.ts';
import { starOf, starOfTopic } from './naming.ts';
import { type Carried, type Target, textOfTarget } from './targets.ts';

/** How a bridge has done. */
export interface BridgeStatus {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly carried: number;
  readonly failed: number;
  /** Dropped because they had come through here before. */
  readonly loops: number;
  /** A sentence; empty where there is none, or it is over. */
  readonly lastProblem: string;
}

interface BridgeOptions {
  readonly config: BridgeConfig;
  readonly target: Target;
  readonly guard: LoopGuard;
  readonly log: Logger;
  /** Aborted when the node closes. */
  readonly signal: AbortSignal;
}

/** What may be over in a while. Nobody waits for the answer of a topic's message, so it is tried again. */
const PASSING: ReadonlySet<string> = new Set(['timeout', 'unreachable', 'unavailable', 'too_many_requests']);
const TRIES = 5;
/** ms; doubling. */
const FIRST_PAUSE = 500;

export class Bridge {
  readonly #options: BridgeOptions;
  readonly #status: { carried: number; failed: number; loops: number; lastProblem: string };

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#status = { carried: 0, failed: 0, loops: 0, lastProblem: '' };
  }

  get source(): BridgeSource {
    return this.#options.config.from;
  }

  get status(): BridgeStatus {
    const { name, from, to } = this.#options.config;
    return { name, from: textOfSource(from), to: textOfTarget(to), ...this.#status };
  }

  /** Whether a message that a peer has sent is for this bridge. */
  takesFromLan({ protocol, route }: InboundMessage): boolean {
    const { source } = this;
    return protocol === 'peers' && 'lan' in source && starOf(source.lan, route) !== null;
  }

  /** Never rejects: what the target says, or why it was not carried. */
  async carry(message: InboundMessage): Promise<Reply> {
    const { guard, config, log } = this.#options;
    const { name } = config;
    const wire = circularWire(config);
    if (wire && guard.isLoop(name, wire, message.route, fingerprintOf(message))) {
      this.#status.loops += 1;
      log.debug({ bridge: name, route: message.route }, 'a message goes no further: it was here before');
      return done(undefined);
    }
    try {
      const value = await this.#deliver({ message, star: this.#starOf(message.route) });
      this.#status.carried += 1;
      this.recovered();
      return done(value);
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** What goes wrong before a message is there. */
  note(problem: string): void {
    if (this.#status.lastProblem === problem) return;
    this.#status.lastProblem = problem;
    this.#options.log.warn({ bridge: this.#options.config.name, why: problem }, 'a bridge does not carry');
  }

  /** What went wrong is over; should it come again, it is told again. */
  recovered(): void {
    this.#status.lastProblem = '';
  }

  async #deliver(carried: Carried): Promise<unknown> {
    const { target, signal } = this.#options;
    const tries = 'topic' in this.source ? TRIES : 1;
    for (let tried = 1; ; tried++) {
      try {
        return await target.deliver(carried);
      } catch (error) {
        if (tried >= tries || signal.aborted || !PASSING.has(codeOf(error))) throw error;
        await delay(FIRST_PAUSE * 2 ** (tried - 1));
      }
    }
  }

  #failed(error: unknown): Reply {
    this.#status.failed += 1;
    this.note(messageOf(error));
    if (error instanceof StatusError) return errorReply(error);
    return errorReply(new StatusError(502, 'The bridge could not carry this.', { cause: error }));
  }

  #starOf(route: string): string {
    const { source } = this;
    if ('topic' in source) return starOfTopic(source.topic, route.slice(1));
    return starOf('lan' in source ? source.lan : source.webhook, route) ?? '';
  }
}

function done(value: unknown): Reply {
  return { status: OK, value, representation: 'auto' };
}

/** Where copies may come back from; null for a bridge that leads away from where they could. */
function circularWire({ from, to }: BridgeConfig): LoopWire | null {
  if (!('topic' in to) && !('lan' in to)) return null;
  if ('topic' in from) return 'topic';
  return 'lan' in from ? 'lan' : null;
}

function textOfSource(source: BridgeSource): string {
  if ('topic' in source) return `topic ${source.topic}`;
  return 'lan' in source ? `LAN ${source.lan}` : `webhook ${source.webhook}`;
}
