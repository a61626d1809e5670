/** Where a session is, and how long its packets may be. */

import { SottoError } from '../errors.ts';
import { DEFAULT_PATH, parseUrl, type RoadUrl } from '../transport/url.ts';

const SESSION_PATH = '/session';
/** What a Noise message has at the most, bytes. */
export const MAX_SESSION_PACKET = 65_535;

/** With the path of sessions, where it names none. @throws SottoError `invalid_url`. */
export function sessionUrl(text: string, schemes: readonly string[]): RoadUrl {
  const url = parseUrl(text);
  if (!schemes.includes(url.scheme)) {
    const wanted = schemes.map((scheme) => `${scheme}://`).join(' or ');
    throw new SottoError('invalid_url', `${text} carries no session; it must begin with ${wanted}.`);
  }
  return url.path === DEFAULT_PATH ? { ...url, path: SESSION_PATH } : url;
}
