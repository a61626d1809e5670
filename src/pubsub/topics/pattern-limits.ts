/** How long and how costly patterns may be, since everybody's are in memory and held against every topic. */

import { encodeUtf8 } from '../../bytes/text.ts';
import type { Pattern } from '../stores/store.ts';
import { isAffordable } from './glob.ts';

export interface PatternLimits {
  /** The longest glob, bytes of UTF-8. */
  readonly maxGlob: number;
  /** All patterns of one url, or of one connection, bytes. */
  readonly maxPatternBytesPerUrl: number;
}

export const PATTERN_LIMITS: PatternLimits = {
  maxGlob: 1024,
  maxPatternBytesPerUrl: 4 * 1024 * 1024,
};

/** Of a topic, or of a glob's UTF-8. */
export function bytesOfPattern(pattern: Pattern): number {
  return pattern.kind === 'exact' ? pattern.topic.length : encodeUtf8(pattern.glob).length;
}

/** Whether a pattern alone may be; exact topics always may, as their length field bounds them. */
export function isWithin(pattern: Pattern, { maxGlob }: PatternLimits): boolean {
  return pattern.kind === 'exact' || (bytesOfPattern(pattern) <= maxGlob && isAffordable(pattern.glob));
}
