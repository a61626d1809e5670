/** What a peer is told whose file is not taken, or not as it came. */

import { StatusError } from '../../errors.ts';

export function refused(text: string): StatusError {
  return new StatusError(403, text, { code: 'not_allowed' });
}

export function unavailable(text: string): StatusError {
  return new StatusError(503, text, { code: 'unavailable' });
}

export function unknownTransfer(): StatusError {
  return new StatusError(404, 'There is no such transfer of yours.', { code: 'route_not_found' });
}

export function noSpace(cause?: unknown): StatusError {
  return new StatusError(507, 'There is no space left for the file.', { cause });
}

/** For whoever may offer again, and go on. */
export function outOfStep(text: string): StatusError {
  return new StatusError(412, text, { code: 'conflict' });
}

export function outOfRange(text: string): StatusError {
  return new StatusError(416, text);
}

export function damaged(): StatusError {
  return new StatusError(422, 'The file did not arrive as it was sent: its SHA-256 is another.');
}

export function endedByPeer(): StatusError {
  return new StatusError(499, 'The peer has ended it.', { code: 'caller_gone' });
}

/** 404, so that a sender who comes back offers again. */
export function idled(): StatusError {
  return new StatusError(404, 'Nothing has come for too long.', { code: 'handler_timeout' });
}

export function unstorable(cause?: unknown): StatusError {
  return new StatusError(500, 'The file cannot be taken.', { code: 'handler_failed', cause });
}
