/** `sotto/peers`: programs and people of one LAN find each other and talk sealed, without a server. */

export { SottoError, StatusError } from '../errors.ts';
export type { Decision, FileOffer, ReceivedFile } from './files/receiver.ts';
export type { SendFileOptions, SentFile } from './files/sender.ts';
export type { AskOptions } from './messages.ts';
export { PeerNode, type TellOptions } from './node.ts';
export type { FileOptions, PeerNodeOptions } from './options.ts';
export type { Peer, PeerAddress, PeerId, Place, PlainPeer, SealedPeer } from './peer.ts';
export type { Downgrade, KeyChanged, KeySucceeded, LeaveReason, PeerEvent, PeerRoad } from './peer-event.ts';
export { type Pin, Pins } from './pins.ts';
