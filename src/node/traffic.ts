/** What goes through a node, for whoever looks on: each message once, whatever road it took, and how many there were. */

import type { Proof, Protocol } from '../app/message.ts';

/** One message that was handled. Bodies are shown, not kept whole: see {@link SHOWN}. */
export interface TrafficRecord {
  /** Later ones have higher numbers. */
  readonly id: number;
  /** When it came, ms since 1970. */
  readonly at: number;
  readonly job: Protocol;
  /** `udp`, `tcp`, `http`, `ws`, `memory` … */
  readonly transport: string;
  readonly route: string;
  /** Nobody between the two ends could read it. */
  readonly isSealed: boolean;
  readonly proof: Proof;
  /** Who it was proven to be; null for nobody. */
  readonly sender: { readonly key: string; readonly fingerprint: string } | null;
  readonly remote: string | null;
  /** 0 for an answer, else an HTTP status number. */
  readonly status: number;
  /** How long the handler took, ms. */
  readonly duration: number;
  /** Of the body that came, bytes. */
  readonly bytes: number;
  /** The beginning of what came, and of what was answered, as text. */
  readonly request: string;
  readonly reply: string;
}

/** Messages of one job in one second. */
export interface TrafficSample {
  readonly handled: number;
  /** Answered with a status. */
  readonly failed: number;
  /** Body bytes that came. */
  readonly bytes: number;
  /** The slowest handler, ms. */
  readonly slowest: number;
}

/** One second: `at` is its beginning, ms since 1970; jobs that had none are left out. */
export interface TrafficSecond {
  readonly at: number;
  readonly jobs: Readonly<Partial<Record<Protocol, TrafficSample>>>;
}

/** Characters of a body that a record shows. */
export const SHOWN = 2000;
