/** Status numbers of routed replies and our error codes, both ways. */

import { StatusError, type StatusErrorCode } from '../errors.ts';

const CODES: ReadonlyMap<number, StatusErrorCode> = new Map([
  [400, 'bad_request'],
  [403, 'not_allowed'],
  [404, 'route_not_found'],
  [409, 'outcome_unknown'],
  [412, 'conflict'],
  [413, 'reply_too_large'],
  [425, 'too_early'],
  [499, 'caller_gone'],
  [500, 'handler_failed'],
  [503, 'unavailable'],
  [504, 'handler_timeout'],
]);

export const STATUS = {
  badRequest: 400,
  notAllowed: 403,
  outcomeUnknown: 409,
  replyTooLarge: 413,
  tooEarly: 425,
  callerGone: 499,
  handlerFailed: 500,
  unavailable: 503,
} as const;

/** The error that a client throws for a reply's status; `status` for numbers without a code of their own. */
export function errorOfStatus(status: number, text: string): StatusError {
  const code = CODES.get(status) ?? 'status';
  return new StatusError(status, text === '' ? `The server answered with status ${status}.` : text, { code });
}
