import { SottoError } from '../../errors.ts';

/**
 * What `work` gives, if it does so in time; the work itself goes on.
 *
 * @param timeout ms.
 * @throws SottoError `timeout`; what `work` throws.
 */
export async function within<T>(timeout: number, work: () => T | Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new SottoError('timeout', `There was no answer within ${timeout} ms.`));
  const timer = setTimeout(late, timeout);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    clearTimeout(timer);
  }
}
