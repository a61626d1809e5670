/** What stands before every answer: whose question it may be, how much of it, and what browsers are told. */

import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import { RateLimiter } from '../../transport/rate-limiter.ts';
import type { Entrance } from './entrance.ts';
import { problem } from './problem.ts';

const MAX_BODY = 256 * 1024;
/** Of one browser: questions a second, and at once. */
const QUESTIONS = { rate: 30, burst: 120 };

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** What browsers are told with every answer. */
export function headers(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value);
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
  };
}

/**
 * Only by a name of this machine: a foreign name that was made to lead here (DNS rebinding) would make its pages ours.
 *
 * @param port where it listens.
 */
export function ownHost(port: () => number): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    if (namesOf(port()).includes(host.toLowerCase())) return next();
    const text = `The console is at http://127.0.0.1:${port()} and nowhere else; "${host}" is not its name.`;
    return problem(421, 'not_allowed', text);
  };
}

/** Only pages of ours: those of other origins can ask nothing, and what changes something says whose page it is. */
export function ownPagesAlone(): MiddlewareHandler {
  return async (c, next) => {
    const site = c.req.header('sec-fetch-site');
    const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none';
    if (isForeign) return problem(403, 'not_allowed', 'Another page may not ask the console.');
    if (c.req.method === 'GET') return next();
    if (c.req.header('origin') !== `http://${c.req.header('host')}` || site === 'none')
      return problem(403, 'not_allowed', "Only the console's own page may change something.");
    if (c.req.header('x-sotto-console') !== '1')
      return problem(403, 'not_allowed', 'The header "x-sotto-console: 1" is missing.');
    const [type = ''] = (c.req.header('content-type') ?? '').split(';');
    if (type.trim().toLowerCase() !== 'application/json')
      return problem(415, 'bad_request', 'What changes something comes as application/json.');
    return next();
  };
}

export function smallBodies(): MiddlewareHandler {
  const text = `A body may have ${MAX_BODY} bytes.`;
  return bodyLimit({ maxSize: MAX_BODY, onError: () => problem(413, 'body_too_large', text) });
}

/** Only who came in by a link; who stays gets a fresh cookie now and then. */
export function insiders(entrance: Entrance, port: () => number): MiddlewareHandler {
  const limiter = new RateLimiter(QUESTIONS.rate, QUESTIONS.burst);
  return async (c, next) => {
    const who = entrance.check(getCookie(c, cookieName(port())) ?? '');
    if (who === null)
      return problem(401, 'not_allowed', 'Come in by a link: `sotto console` prints a fresh one.');
    if (!limiter.take(who.id))
      return problem(429, 'too_many_requests', 'That was too much at once; wait a moment.');
    if (who.renewed !== null) giveCookie(c, who.renewed, port(), entrance.cookieLasts);
    return next();
  };
}

/** @param lasts seconds. */
export function giveCookie(c: Context, value: string, port: number, lasts: number): void {
  // Not `secure`: on 127.0.0.1 there is no TLS, and not every browser takes such a cookie there.
  setCookie(c, cookieName(port), value, { path: '/', httpOnly: true, sameSite: 'Strict', maxAge: lasts });
}

/** Cookies know no ports: two consoles on one machine need two names. */
function cookieName(port: number): string {
  return `sotto-console-${port}`;
}

function namesOf(port: number): readonly string[] {
  const hosts = ['127.0.0.1', 'localhost', '[::1]'];
  return port === 80 ? hosts : hosts.map((host) => `${host}:${port}`);
}
