/**
 * Every error Sotto throws: one class, one union of stable codes.
 *
 * The text is for people and may change; the code is for programs and may not.
 */

/** A sealed packet or session message that could not be made or opened (source: specs of PSSST, section 7). */
type PacketErrorCode =
  | 'client_auth_failed'
  | 'decrypt_failed'
  | 'handler_reused'
  | 'handshake_out_of_turn'
  | 'low_order_point'
  | 'nonce_exhausted'
  | 'not_a_reply'
  | 'not_a_request'
  | 'packet_too_short'
  | 'reply_mismatch'
  | 'unsupported_cipher';

/** Keys, and the files that hold them. */
type KeyErrorCode =
  | 'invalid_key'
  | 'key_file_exists'
  | 'key_file_exposed'
  | 'key_file_invalid'
  | 'key_file_missing'
  | 'passphrase_required'
  | 'wrong_passphrase';

/** Bytes from outside that do not have the shape they must have. */
type FormatErrorCode =
  | 'frame_too_large'
  | 'invalid_body'
  | 'invalid_message'
  | 'invalid_text'
  | 'out_of_bounds'
  | 'unsupported_representation';

/** Files of data: reading them, and writing back. */
type FileErrorCode = 'file_invalid' | 'file_too_large' | 'file_unreadable' | 'file_unwritable';

/** What a program asked of Sotto that cannot be. */
type UsageErrorCode =
  | 'invalid_argument'
  | 'invalid_config'
  | 'invalid_module'
  | 'invalid_option'
  | 'invalid_route'
  | 'invalid_url'
  | 'unsupported_platform';

/** What a handler, or the road to it, said instead of an answer. Each has an HTTP status number. */
export type StatusErrorCode =
  | 'bad_request'
  | 'body_too_large'
  | 'caller_gone'
  | 'conflict'
  | 'handler_failed'
  | 'handler_timeout'
  | 'not_allowed'
  | 'outcome_unknown'
  | 'reply_too_large'
  | 'route_not_found'
  | 'status'
  | 'too_early'
  | 'unavailable';

/** Tests by simulation. */
type TestErrorCode = 'simulation_failed';

/** Whom a person means. */
type PeerErrorCode = 'peer_ambiguous' | 'peer_unknown';

/** Sockets, and the waiting done on them. */
type ConnectionErrorCode =
  | 'aborted'
  | 'address_in_use'
  | 'closed'
  | 'listen_failed'
  | 'request_too_large'
  | 'refused'
  | 'timeout'
  | 'too_many_requests'
  | 'unreachable';

/** Every code that {@link SottoError} can have, by what went wrong. */
export type ErrorCode =
  | PacketErrorCode
  | KeyErrorCode
  | FormatErrorCode
  | FileErrorCode
  | UsageErrorCode
  | StatusErrorCode
  | PeerErrorCode
  | TestErrorCode
  | ConnectionErrorCode;

/**
 * The only kind of error Sotto throws on purpose.
 *
 * @example
 * ```ts
 * import { SottoError } from 'sotto';
 * try {
 *   throw new SottoError('timeout', 'No answer within 5000 ms.');
 * } catch (error) {
 *   if (error instanceof SottoError && error.code === 'timeout') console.log('ask again later');
 * }
 * ```
 */
export class SottoError extends Error {
  override readonly name: string = 'SottoError';
  /** What went wrong, for programs; see {@link ErrorCode}. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * An answer that is not a value: thrown by a handler to send a status, and by a client that received one.
 *
 * @example
 * ```ts
 * import { createApp, StatusError } from 'sotto';
 * createApp().on('/where/:thing', (ctx) => {
 *   throw new StatusError(404, `Nobody has seen a ${ctx.params.thing}.`);
 * });
 * ```
 */
export class StatusError extends SottoError {
  override readonly name: string = 'StatusError';
  /** An HTTP status number, 400 to 599. */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions & { code?: StatusErrorCode }) {
    super(options?.code ?? 'status', message, options);
    this.status = status;
  }
}

/** The code of `error` where it is one of ours, for counting and logging. */
export function codeOf(error: unknown): ErrorCode | 'unknown' {
  return error instanceof SottoError ? error.code : 'unknown';
}

/** What `error` says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
