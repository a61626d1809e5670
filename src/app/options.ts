/** The limits of an app and of its routes: checked once, when they are given. */

import { SottoError } from '../errors.ts';

export interface Limits {
  /** A handler's time, ms. */
  readonly timeout: number;
  /** Bytes of body a handler is given. */
  readonly maxBody: number;
}

export const DEFAULTS: Limits = { timeout: 30_000, maxBody: 1024 * 1024 };

// A timer takes no longer delay: it would fire at once.
const MAX_TIMEOUT = 2 ** 31 - 1;

/**
 * The given limits, and `defaults` for the others.
 *
 * @throws SottoError `invalid_option` for one out of its range.
 */
export function resolveLimits(given: Partial<Limits>, defaults: Limits): Limits {
  const { timeout = defaults.timeout, maxBody = defaults.maxBody } = given;
  assertWhole(timeout, 'timeout (ms)', 1, MAX_TIMEOUT);
  assertWhole(maxBody, 'maxBody (bytes)', 0, Number.MAX_SAFE_INTEGER);
  return { timeout, maxBody };
}

function assertWhole(value: number, name: string, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const given = typeof value === 'number' ? value : `a ${typeof value}`;
  throw new SottoError(
    'invalid_option',
    `${name} must be a whole number from ${min} to ${max}; it is ${given}.`,
  );
}
