/** When to send again what got no answer. */

export interface Backoff {
  /** Wait before the second try, ms; doubled before each one after. */
  readonly first: number;
  /** Tries in all. */
  readonly tries: number;
}

/**
 * The wait after try number `attempt` (from 0): doubling, with a quarter of jitter either way so that many clients
 * do not send again in step.
 *
 * @param random from 0 to 1.
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  return backoff.first * 2 ** attempt * (0.75 + 0.5 * random());
}

/** Resolves after `ms`. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
