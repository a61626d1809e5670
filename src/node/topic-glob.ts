/** A glob of topics as people give it: one that a broadcaster takes, which would hang up on any other. */

import { z } from 'zod';
import { isWithin, PATTERN_LIMITS } from '../pubsub/topics/pattern-limits.ts';

export const topicGlob: z.ZodString = z
  .string()
  .min(1)
  .refine(
    (glob) => isWithin({ kind: 'glob', glob }, PATTERN_LIMITS),
    `is no glob that a broadcaster takes: ${PATTERN_LIMITS.maxGlob} bytes of UTF-8 are the most, with 16 stars`,
  );
