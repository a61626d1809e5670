/** What needs threads does not run in a page. */

import { SottoError } from '../../errors.ts';
import type { Threads } from '../types.ts';

export const threads: Threads = { start: unsupported, serve: unsupported };

function unsupported(): never {
  throw new SottoError('unsupported_platform', 'A browser cannot do this work beside the page.');
}
