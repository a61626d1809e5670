/** In pages: a link by UDP or TCP says that there is none, when it is used; another URL of the same server may do. */

import { SottoError } from '../errors.ts';
import { PipeLink } from './pipe-link.ts';
import type { ConnectOptions, Link, LinkEvents } from './transport.ts';
import { formatUrl, type RoadUrl } from './url.ts';

export function connectRaw(url: RoadUrl, events: LinkEvents, options: ConnectOptions): Link {
  return new PipeLink('tcp', url, () => Promise.reject(unsupported(url)), events, options);
}

function unsupported(url: RoadUrl): SottoError {
  const text = `A browser cannot reach ${formatUrl(url)}; use http:// or ws://.`;
  return new SottoError('unsupported_platform', text);
}
