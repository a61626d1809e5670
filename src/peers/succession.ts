/**
 * A node has a new key: those who have pinned the old one move their pin, if both keys say so.
 *
 * Asked who it is, a node answers under its new key, which proves that one. While the old key is not over, the answer also
 * holds a statement for whoever asked: a packet of PSSST (suite 0x5300) to the asker's key, with the proof of the old key
 * as its client, whose message is "sotto/peers/succession/1" and then the new key. Nobody but the asker can read it; it
 * names one new key, which nobody else can answer under; and it is no routed message, so that it is good for nothing else.
 *
 * It proves that somebody has both keys, not who: a thief of the old key can do this too, until its owner has.
 */

import { type Bytes, concat, sameBytes } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { PssstClient, PssstServer } from '../envelope/pssst.ts';
import type { Identity } from '../keys/identity.ts';
import { type IdentityRing, MAX_PREVIOUS } from '../keys/identity-ring.ts';
import { PublicKey } from '../keys/public-key.ts';
import { CipherSuite } from '../wire/pssst.ts';

const LABEL = encodeUtf8('sotto/peers/succession/1');
const cipherSuite = CipherSuite.X25519_AESGCM256;

/** What a node adds to its answer, one for each key before its current one. */
export function statementsFor(
  asker: PublicKey,
  { current, previous }: Pick<IdentityRing, 'current' | 'previous'>,
): readonly Bytes[] {
  const message = messageFor(current.publicKey);
  return previous.map(({ identity }) => {
    const client = new PssstClient(asker, { cipherSuite, clientPrivateKey: identity.privateKey });
    return client.packRequest(message).packet;
  });
}

/** Reads the statements that answers hold for one identity. */
export class StatementReader {
  readonly #server: PssstServer;

  constructor(identity: Identity) {
    this.#server = new PssstServer(identity.privateKey, { cipherSuite });
  }

  /** The keys that `successor` comes in place of, as they have proved; what proves nothing is left out. */
  predecessors(answer: unknown, successor: PublicKey): readonly PublicKey[] {
    const { successions } = (answer ?? {}) as { readonly successions?: unknown };
    if (!Array.isArray(successions)) return [];
    return successions.slice(0, MAX_PREVIOUS).flatMap((packet: unknown) => {
      const predecessor = packet instanceof Uint8Array ? this.#read(packet, successor) : null;
      return predecessor === null || predecessor.equals(successor) ? [] : predecessor;
    });
  }

  #read(packet: Bytes, successor: PublicKey): PublicKey | null {
    try {
      const { message, clientPublicKey } = this.#server.unpackRequest(packet);
      const isRight = clientPublicKey !== null && sameBytes(message, messageFor(successor));
      return isRight ? PublicKey.from(clientPublicKey) : null;
    } catch {
      return null;
    }
  }
}

function messageFor(successor: PublicKey): Bytes {
  return concat(LABEL, successor.bytes);
}
