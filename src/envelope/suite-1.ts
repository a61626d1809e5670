/**
 * Suite 1, PSSST's own: key and both nonces follow from the request alone, and the client proves itself by showing
 * its ephemeral private key. Source: specs/pssst.md, sections 3 and 4.
 */

import { type Bytes, concat } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import type { Primitives, X25519PrivateKey } from '../platform/types.ts';
import { type ClientSuite, type ExchangeKeys, KEY_SIZE, type ServerSuite } from './suite.ts';

const REQUEST_LABEL = encodeUtf8('RQST');
const REPLY_LABEL = encodeUtf8('RPLY');

/** @throws SottoError `low_order_point` for a server key that no client key can agree with. */
export function clientSuite1(primitives: Primitives, serverKey: Bytes, clientKey: Bytes | null): ClientSuite {
  const { x25519 } = primitives;
  const server = x25519.importPublic(serverKey);
  if (clientKey === null) {
    return {
      begin() {
        const ephemeral = x25519.generate();
        const secret = x25519.agree(ephemeral.privateKey, server);
        return {
          exchangeParameter: ephemeral.publicKey,
          keys: deriveKeys(primitives, ephemeral.publicKey, secret),
          proof: [],
        };
      },
    };
  }
  const client = x25519.importPrivate(clientKey);
  const clientPublicKey = x25519.publicKey(client);
  const clientPoint = x25519.importPublic(clientPublicKey);
  // X(t, X(c, S)) = X(s, X(t, C)): the client's half is the same for every request.
  const commonPoint = x25519.importPublic(x25519.agree(client, server));
  return {
    begin() {
      const ephemeral = x25519.generate().privateKey;
      const exchangeParameter = x25519.agree(ephemeral, clientPoint);
      const secret = x25519.agree(ephemeral, commonPoint);
      return {
        exchangeParameter,
        keys: deriveKeys(primitives, exchangeParameter, secret),
        proof: [clientPublicKey, x25519.exportPrivate(ephemeral)],
      };
    },
  };
}

export function serverSuite1(primitives: Primitives, privateKey: X25519PrivateKey): ServerSuite {
  const { x25519 } = primitives;
  return {
    accept({ exchangeParameter }) {
      const secret = x25519.agree(privateKey, x25519.importPublic(exchangeParameter));
      return deriveKeys(primitives, exchangeParameter, secret);
    },
    verifyProof({ exchangeParameter }, proof) {
      const clientPublicKey = proof.subarray(0, KEY_SIZE);
      const ephemeral = x25519.importPrivate(proof.subarray(KEY_SIZE));
      const expected = x25519.agree(ephemeral, x25519.importPublic(clientPublicKey));
      if (primitives.equalSecrets(expected, exchangeParameter)) return clientPublicKey;
      throw new SottoError('client_auth_failed', "The client's proof does not hold.");
    },
  };
}

/** The exchange parameter is hashed as received, canonical or not. */
export function deriveKeys(
  primitives: Primitives,
  exchangeParameter: Bytes,
  sharedSecret: Bytes,
): ExchangeKeys {
  const digest = primitives.sha256(concat(exchangeParameter, sharedSecret));
  const key = digest.subarray(0, 16);
  return {
    requestKey: key,
    requestNonce: concat(digest.subarray(16, 24), REQUEST_LABEL),
    replyKey: key,
    replyNonce: concat(digest.subarray(24, 32), REPLY_LABEL),
  };
}
