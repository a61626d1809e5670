/** How a program that serves is told to end, or to look at its config again. */

import { closeSync, openSync } from 'node:fs';
import { isWorker } from './workers.ts';

type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/**
 * The first signal, or the end of the parent; a second signal ends the process at once. A worker leaves SIGHUP, which may
 * go to all of a group, to its parent, which looks at its config again.
 */
export function stopRequested(
  signals: readonly StopSignal[] = isWorker() ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP'],
): Promise<void> {
  if (isWorker()) process.on('SIGHUP', () => {});
  return new Promise((resolve) => {
    const stop = (): void => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
      resolve();
    };
    for (const signal of signals) process.once(signal, stop);
    process.once('disconnect', stop);
  });
}

/**
 * As {@link stopRequested}, but SIGHUP asks for the config to be read again, unless it came because the terminal is gone.
 *
 * @param reload must not reject.
 */
export function stopOrReload(reload: () => Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const hadTerminal = hasTerminal();
  process.on('SIGHUP', () => {
    if (hadTerminal && !hasTerminal()) resolve();
    else void reload();
  });
  void stopRequested(['SIGINT', 'SIGTERM']).then(resolve);
  return promise;
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
