/** `sotto/session`: clients that stay with a server, encrypted both ways, asked, answered and pushed to. */

export type { SessionHandle } from '../app/message.ts';
export { SottoError, StatusError } from '../errors.ts';
export type { AskOptions, StreamOptions } from './asking.ts';
export { type ClientEvent, type RequestOptions, SessionClient } from './client.ts';
export type { RekeyAfter, SessionClientOptions, SessionServerOptions, SlowPolicy } from './options.ts';
export type { SendOptions } from './requester.ts';
export { type Room, type SessionEvent, SessionServer } from './server.ts';
export type { Session } from './session.ts';
