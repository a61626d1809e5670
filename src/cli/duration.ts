/** Lengths of time as people type them: `500ms`, `30s`, `15m`, `1h`, `7d`. */

import { InvalidArgumentError } from 'commander';

/** ms */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @returns ms; null for what is none. */
export function durationIn(text: string): number | null {
  const [, count, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  return count === undefined ? null : Number(count) * (UNITS[unit] ?? 0);
}

/** For an option. @returns ms. */
export function duration(text: string): number {
  const length = durationIn(text);
  if (length !== null) return length;
  throw new InvalidArgumentError('It must be like 30s, 15m, 1h or 7d.');
}
