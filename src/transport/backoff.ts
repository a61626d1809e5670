/** When to send again what got no answer. */

export interface Backoff {
  /** Wait before the second try, ms; doubled before each one after. */
  readonly first: number;
  /** Tries in all. */
  readonly tries: number;
}

// Chosen, ms: who tries on and on should not fall asleep over it.
const MAX_DELAY = 1000;

/**
 * The wait after try number `attempt` (from 0): doubling up to a second, with a quarter of jitter either way so that many clients
 * do not send again in step.
 *
 * @param random from 0 to 1.
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  return Math.min(backoff.first * 2 ** attempt, MAX_DELAY) * (0.75 + 0.5 * random());
}

/** Resolves after `ms`. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
