/**
 * Opens packets under the key that they were sealed to: the server's current one, or, while they overlap, one before it.
 *
 * A packet does not say which. What does not open under the current key is tried under each that is still accepted, and
 * no more than that: nothing else that is wrong with a packet would be right under another key.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { hybridPublicKeyOf } from '../envelope/hybrid-identity.ts';
import { PssstServer, type UnpackedRequest } from '../envelope/pssst.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import { hybridPublicKeyText } from '../keys/hybrid-key.ts';
import type { Identity } from '../keys/identity.ts';
import type { IdentityRing } from '../keys/identity-ring.ts';
import { CipherSuite, decodeHeader } from '../wire/pssst.ts';
import { withNewerKey } from '../wire/routed.ts';
import type { ResolvedAnswering } from './options.ts';

export interface OpenedRequest extends UnpackedRequest {
  /** When the key that it was sealed to ends, ms since 1970; null for the current one. */
  readonly keyEndsAt: number | null;
}

export class Unsealer {
  readonly #identities: IdentityRing;
  readonly #suites: readonly number[];
  readonly #tellsNewerKey: boolean;
  /** Made when first needed: of the post-quantum suite it takes a while. */
  readonly #servers = new WeakMap<Identity, Map<CipherSuite, PssstServer>>();

  /** @throws SottoError `invalid_option` for a key that cannot serve. */
  constructor({ identities, suites, payload }: Pick<ResolvedAnswering, 'identities' | 'suites' | 'payload'>) {
    this.#identities = identities;
    this.#suites = suites;
    this.#tellsNewerKey = payload === 'routed';
    for (const suite of suites) this.#serverOf(identities.current, suite);
  }

  /** @throws SottoError as {@link PssstServer.unpackRequest} does. */
  open(packet: Bytes): OpenedRequest {
    const suite = this.#suiteOf(packet);
    try {
      const request = this.#serverOf(this.#identities.current, suite).unpackRequest(packet);
      return { ...request, keyEndsAt: null };
    } catch (error) {
      const opened = codeOf(error) === 'decrypt_failed' ? this.#openWithPrevious(packet, suite) : null;
      if (opened) return opened;
      throw error;
    }
  }

  /** The current key as text, as clients of that suite know servers. */
  currentKey(suite: CipherSuite): string {
    const { current } = this.#identities;
    return suite === CipherSuite.MLKEM768X25519_AESGCM256
      ? hybridPublicKeyText(hybridPublicKeyOf(current))
      : current.publicKey.toString();
  }

  #openWithPrevious(packet: Bytes, suite: CipherSuite): OpenedRequest | null {
    for (const { identity, until } of this.#identities.previous) {
      try {
        const request = this.#serverOf(identity, suite).unpackRequest(packet);
        return this.#tellsNewerKey ? telling(request, until) : { ...request, keyEndsAt: until };
      } catch (error) {
        if (codeOf(error) !== 'decrypt_failed') throw error; // it opened, and is no good
      }
    }
    return null;
  }

  #suiteOf(packet: Bytes): CipherSuite {
    const { suite } = decodeHeader(packet);
    if (this.#suites.includes(suite)) return suite as CipherSuite;
    throw new SottoError('unsupported_cipher', `Cipher suite ${suite} is not accepted here.`);
  }

  #serverOf(identity: Identity, suite: CipherSuite): PssstServer {
    const servers = this.#servers.get(identity) ?? new Map<CipherSuite, PssstServer>();
    this.#servers.set(identity, servers);
    const server = servers.get(suite) ?? newServer(identity, suite);
    servers.set(suite, server);
    return server;
  }
}

/** Every reply says that there is a newer key. */
function telling(request: UnpackedRequest, until: number): OpenedRequest {
  return {
    ...request,
    keyEndsAt: until,
    packReply: (message) => request.packReply(withNewerKey(message)),
    packAnotherReply: (message) => request.packAnotherReply(withNewerKey(message)),
  };
}

function newServer(identity: Identity, suite: CipherSuite): PssstServer {
  const hybrid = suite === CipherSuite.MLKEM768X25519_AESGCM256;
  const privateKey = hybrid ? identity.hybridSeed : identity.privateKey;
  try {
    return new PssstServer(privateKey, { cipherSuite: suite });
  } catch (cause) {
    throw new SottoError('invalid_option', `This identity cannot serve suite ${suite}: ${messageOf(cause)}`, {
      cause,
    });
  }
}
