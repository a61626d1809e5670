/**
 * Suites 0x5300 and 0x5301: one key schedule and one proof over two ways to agree on a secret (X25519; the hybrid
 * KEM). No private key is sent, and answering twice is safe. Source: specs/native.md, section 7.
 */

import { type Bytes, concat, mapKey } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import type { Primitives, X25519PrivateKey } from '../platform/types.ts';
import { decapsulate, encapsulate, type HybridPrivateKey, x25519Half } from './kem.ts';
import { type ClientSuite, type ExchangeKeys, KEY_SIZE, NONCE_SIZE, type ServerSuite } from './suite.ts';

const SCHEDULE_LABEL = encodeUtf8('sotto/pssst');
const PROOF_LABEL = encodeUtf8('sotto/pssst/client-proof');
const NO_SALT = new Uint8Array(0);

// Chosen: proof keys of clients seen lately, so that a known client costs the server one X25519 and not two.
const REMEMBERED_CLIENTS = 1024;

/** A server's public key, and how to agree on a fresh secret with its owner. */
interface Recipient {
  readonly publicKey: Bytes;
  /** Its X25519 key, which client proofs are made with. */
  readonly x25519: Bytes;
  encapsulate(): { sharedSecret: Bytes; exchangeParameter: Bytes };
}

/** The private side of a {@link Recipient}. */
interface Owner {
  readonly publicKey: Bytes;
  readonly x25519: X25519PrivateKey;
  decapsulate(exchangeParameter: Bytes): Bytes;
}

export function x25519Recipient({ x25519 }: Primitives, publicKey: Bytes): Recipient {
  const point = x25519.importPublic(publicKey);
  return {
    publicKey,
    x25519: publicKey,
    encapsulate() {
      const ephemeral = x25519.generate();
      return {
        sharedSecret: x25519.agree(ephemeral.privateKey, point),
        exchangeParameter: ephemeral.publicKey,
      };
    },
  };
}

export function x25519Owner({ x25519 }: Primitives, privateKey: X25519PrivateKey): Owner {
  return {
    publicKey: x25519.publicKey(privateKey),
    x25519: privateKey,
    decapsulate: (exchangeParameter) => x25519.agree(privateKey, x25519.importPublic(exchangeParameter)),
  };
}

export function hybridRecipient(primitives: Primitives, publicKey: Bytes): Recipient {
  return {
    publicKey,
    x25519: x25519Half(publicKey),
    encapsulate() {
      const { sharedSecret, ciphertext } = encapsulate(primitives, publicKey);
      return { sharedSecret, exchangeParameter: ciphertext };
    },
  };
}

export function hybridOwner(primitives: Primitives, key: HybridPrivateKey): Owner {
  return {
    publicKey: key.publicKey,
    x25519: key.x25519,
    decapsulate: (exchangeParameter) => decapsulate(primitives, key, exchangeParameter),
  };
}

/** @throws SottoError `low_order_point` for a server key that no client key can agree with. */
export function nativeClientSuite(
  primitives: Primitives,
  server: Recipient,
  clientKey: Bytes | null,
): ClientSuite {
  const prove = clientKey === null ? () => [] : prover(primitives, server, clientKey);
  return {
    begin(header) {
      const { sharedSecret, exchangeParameter } = server.encapsulate();
      return {
        exchangeParameter,
        keys: deriveKeys(primitives, header, exchangeParameter, sharedSecret, server.publicKey),
        proof: prove(header, exchangeParameter),
      };
    },
  };
}

export function nativeServerSuite(primitives: Primitives, owner: Owner): ServerSuite {
  const proofKeys = new Map<string, Bytes>();

  function computeProofKey(clientPublicKey: Bytes): Bytes {
    const secret = primitives.x25519.agree(owner.x25519, primitives.x25519.importPublic(clientPublicKey));
    return deriveProofKey(primitives, secret, owner.publicKey);
  }

  function remember(name: string, proofKey: Bytes): void {
    const oldest = proofKeys.size >= REMEMBERED_CLIENTS ? proofKeys.keys().next().value : undefined;
    if (oldest !== undefined) proofKeys.delete(oldest);
    proofKeys.set(name, proofKey);
  }

  return {
    accept({ header, exchangeParameter }) {
      const sharedSecret = owner.decapsulate(exchangeParameter);
      return deriveKeys(primitives, header, exchangeParameter, sharedSecret, owner.publicKey);
    },
    verifyProof({ header, exchangeParameter }, proof) {
      const clientPublicKey = proof.subarray(0, KEY_SIZE);
      const name = mapKey(clientPublicKey);
      const known = proofKeys.get(name);
      const proofKey = known ?? computeProofKey(clientPublicKey);
      const expected = primitives.hmacSha256(proofKey, concat(header, exchangeParameter, clientPublicKey));
      if (!primitives.equalSecrets(expected, proof.subarray(KEY_SIZE))) {
        throw new SottoError('client_auth_failed', "The client's proof does not hold.");
      }
      if (!known) remember(name, proofKey);
      return clientPublicKey;
    },
  };
}

function prover(
  primitives: Primitives,
  server: Recipient,
  clientKey: Bytes,
): (header: Bytes, exchangeParameter: Bytes) => Bytes[] {
  const { x25519 } = primitives;
  const client = x25519.importPrivate(clientKey);
  const clientPublicKey = x25519.publicKey(client);
  const secret = x25519.agree(client, x25519.importPublic(server.x25519));
  const proofKey = deriveProofKey(primitives, secret, server.publicKey);
  return (header, exchangeParameter) => [
    clientPublicKey,
    primitives.hmacSha256(proofKey, concat(header, exchangeParameter, clientPublicKey)),
  ];
}

function deriveProofKey(primitives: Primitives, secret: Bytes, serverPublicKey: Bytes): Bytes {
  return primitives.hkdfSha256(secret, NO_SALT, concat(PROOF_LABEL, serverPublicKey), KEY_SIZE);
}

function deriveKeys(
  primitives: Primitives,
  header: Bytes,
  exchangeParameter: Bytes,
  sharedSecret: Bytes,
  serverPublicKey: Bytes,
): ExchangeKeys {
  const info = concat(SCHEDULE_LABEL, exchangeParameter, serverPublicKey);
  const okm = primitives.hkdfSha256(sharedSecret, header, info, 2 * KEY_SIZE + NONCE_SIZE);
  return {
    requestKey: okm.subarray(0, KEY_SIZE),
    requestNonce: okm.subarray(KEY_SIZE, KEY_SIZE + NONCE_SIZE),
    replyKey: okm.subarray(KEY_SIZE + NONCE_SIZE),
    replyNonce: null,
  };
}
