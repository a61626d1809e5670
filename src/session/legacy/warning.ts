/** What everybody who uses sickserv is told, once. */

import type { Logger } from '../../app/message.ts';
import { warnOnce } from '../../platform/warning.ts';

const TEXT =
  'sickserv is on: RC4 under one key for every message, so that two of them give each other away; nothing is ' +
  'authenticated, everything can be altered and replayed. Only for programs that know nothing better.';

export interface LegacyOptions {
  /**
   * True: you know that nothing is safe on this wire, and need no warning of the process. Default false: it warns once.
   * A `log` is always told.
   */
  readonly legacy?: boolean;
  /** Default silent. */
  readonly log?: Logger;
}

export function warnOfSickserv({ legacy = false, log }: LegacyOptions): void {
  if (log) log.warn({}, TEXT);
  else if (!legacy) warnOnce(TEXT, 'SottoLegacyWarning');
}
