/** The parts of a node: each a job, or what stands around the jobs; each may fail without taking the others along. */

/** In the order in which they start; they stop in the reverse. */
const PART_NAMES = ['request', 'lookup', 'broadcaster', 'sessions', 'peers', 'bridges', 'console'] as const;

export type PartName = (typeof PART_NAMES)[number];

export type PartState = 'off' | 'starting' | 'up' | 'failed' | 'stopping';

/** How a part is. */
export interface PartStatus {
  readonly name: PartName;
  readonly state: PartState;
  /** Where it listens, with the ports it really got. */
  readonly addresses: readonly string[];
  /** Why it failed, a sentence; empty otherwise. */
  readonly why: string;
  /** Of this state, ms since 1970. */
  readonly since: number;
}
