/** `sotto/session/sickserv`: the wire of sickserv's programs, byte for byte. Legacy: nothing on it is safe. */

export { SottoError, StatusError } from '../errors.ts';
export {
  type SickservDialect,
  type SickservPayload,
  type SickservValue,
  type SickservVersion,
  sickservUrl,
} from '../wire/sickserv.ts';
export { SickservClient } from './legacy/client.ts';
export type { Sendable as SickservSendable, SickservContext, SickservHandler } from './legacy/handler.ts';
export type { RekeyOptions } from './legacy/keys.ts';
export type {
  SickservClientOptions,
  SickservLimits,
  SickservOptions,
  SickservServerOptions,
} from './legacy/options.ts';
export { type PayloadOptions, processPayload, unprocessPayload } from './legacy/payload.ts';
export { SickservServer } from './legacy/server.ts';
export { SickservWebSocketClient } from './legacy/websocket-client.ts';
