/** Nobody asks a page for metrics. */

import { SottoError } from '../../errors.ts';
import type { MetricsRegistry } from '../metrics.ts';

export function openMetrics(): Promise<MetricsRegistry> {
  return Promise.reject(new SottoError('unsupported_platform', 'A browser cannot serve metrics.'));
}
