/** Who may reach which routes: by the key that a message has proved, the same on every road. */

import type { Middleware } from '../app/app.ts';
import { Router } from '../app/router.ts';
import { messageOf, SottoError, StatusError } from '../errors.ts';
import { accessList } from '../keys/access-list.ts';
import type { KeyLike } from '../keys/key-like.ts';

/** Decides by route and proven sender. */
export type Access = (route: string, sender: { readonly fingerprint: string } | null) => boolean;

/**
 * @param rules the keys that alone may reach a route, by its pattern; of several patterns that fit, the closest counts.
 * @throws SottoError `invalid_config` for a pattern that cannot be, or a key that is none.
 */
export function accessOf(rules: Readonly<Record<string, readonly KeyLike[]>>): Access {
  if (Object.keys(rules).length === 0) return () => true; // asked for every message
  const router = new Router<ReturnType<typeof accessList>>();
  for (const [route, keys] of Object.entries(rules)) {
    try {
      router.add(route, accessList(keys));
    } catch (cause) {
      throw new SottoError('invalid_config', `access "${route}": ${messageOf(cause)}`, { cause });
    }
  }
  return (route, sender) => router.match(route)?.value(sender) ?? true;
}

/**
 * A middleware that lets only some keys reach some routes: 403 for everybody else, by whatever road they come. It looks at
 * what a message has proved; what somebody merely says of themselves counts for nothing.
 *
 * @param rules route patterns and the public keys that may reach them; other routes stay open to all.
 * @throws SottoError `invalid_config`.
 *
 * @example
 * ```ts
 * import { allowKeys, createApp, Identity } from 'sotto';
 * const admin = Identity.generate().publicKey;
 * const app = createApp()
 *   .use(allowKeys({ '/admin/*': [admin] }))
 *   .on('/admin/restart', () => 'restarting');
 * console.log((await app.dispatch({ route: '/admin/restart' })).status); // 403
 * ```
 */
export function allowKeys(rules: Readonly<Record<string, readonly KeyLike[]>>): Middleware {
  const isAllowed = accessOf(rules);
  return (ctx, next) => {
    if (isAllowed(ctx.route, ctx.sender)) return next();
    throw notAllowed();
  };
}

/** The same text for every key, so that nobody learns which are on the list. */
export function notAllowed(): StatusError {
  return new StatusError(403, 'This key may not reach this route.', { code: 'not_allowed' });
}
