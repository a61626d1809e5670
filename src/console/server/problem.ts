/** What went wrong, as answers: a status, and a sentence. */

import type { Logger } from '../../app/message.ts';
import { codeOf, type ErrorCode, messageOf, StatusError } from '../../errors.ts';
import type { Problem } from '../contract.ts';

/** What is no fault of whoever asked is left out: 500. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  aborted: 504,
  bad_request: 400,
  body_too_large: 413,
  conflict: 409,
  file_unreadable: 503,
  file_unwritable: 503,
  frame_too_large: 413,
  invalid_argument: 400,
  invalid_body: 400,
  invalid_config: 422,
  invalid_key: 400,
  invalid_option: 400,
  invalid_route: 400,
  invalid_url: 400,
  key_file_exists: 409,
  low_order_point: 400,
  not_allowed: 403,
  passphrase_required: 409,
  peer_ambiguous: 409,
  peer_unknown: 404,
  refused: 502,
  request_too_large: 413,
  route_not_found: 404,
  timeout: 504,
  too_many_requests: 429,
  unavailable: 503,
  unreachable: 502,
  wrong_passphrase: 409,
};

export function problem(status: number, code: string, text: string): Response {
  const body: Problem = { code, text };
  return Response.json(body, { status });
}

export function statusOf(error: unknown): number {
  if (error instanceof StatusError) return error.status;
  const code = codeOf(error);
  return code === 'unknown' ? 500 : (STATUS_OF[code] ?? 500);
}

/** The answer to a request that failed; what nobody foresaw is for the log alone. */
export function problemOf(error: unknown, log: Logger): Response {
  const status = statusOf(error);
  if (status !== 500) return problem(status, codeOf(error), messageOf(error));
  log.error({ error }, 'the console could not answer');
  return problem(500, codeOf(error), 'That failed inside the node; its log says why.');
}
