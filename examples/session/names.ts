/** Names of people, as the chat and the world take them. */

import { z } from 'zod';

export const NAME: z.ZodType<string> = z
  .string()
  .normalize('NFKC')
  .regex(/^[\p{L}\p{N}_-]{1,20}$/u, 'a name has up to 20 letters, digits, "_" and "-"');

/** By what two names are the same. */
export function nameKey(name: string): string {
  return name.toLowerCase();
}
