/** PSSST in every suite. */

import { primitives as platformPrimitives } from '#crypto';
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../bytes/text.ts';
import { CipherSuite, type PackedRequest, PssstClient, PssstServer } from '../../envelope/pssst.ts';
import { deriveKeys } from '../../envelope/suite-1.ts';
import { SottoError } from '../../errors.ts';
import type { Primitives } from '../../platform/types.ts';
import type { Fields } from '../case.ts';
import { bytesOf, optionalText, textOf, textsOf } from '../fields.ts';
import type { Operations } from './operations.ts';

export function pssstOperations(primitives: Primitives = platformPrimitives): Operations {
  const sealed = new Map<string, PackedRequest>();

  function serverOf(input: Fields): PssstServer {
    return new PssstServer(textOf(input, 'serverPrivate'), { cipherSuite: suiteOf(input), primitives });
  }

  return {
    public: (input) => {
      const key = primitives.x25519.importPrivate(bytesOf(input, 'private'));
      return { public: encodeHex(primitives.x25519.publicKey(key)) };
    },
    derive(input) {
      const keys = deriveKeys(primitives, bytesOf(input, 'dh'), bytesOf(input, 'shared'));
      return {
        key: encodeHex(keys.requestKey),
        requestNonce: encodeHex(keys.requestNonce),
        replyNonce: encodeHex(keys.replyNonce ?? EMPTY),
      };
    },
    'pack-request'(input) {
      const { packet, exchange } = clientOf(primitives, input).packRequest(bytesOf(input, 'message'));
      return { packet: encodeHex(packet), dh: encodeHex(exchange) };
    },
    'unpack-request'(input) {
      const { message, clientPublicKey } = serverOf(input).unpackRequest(bytesOf(input, 'packet'));
      return { message: encodeHex(message), clientPublic: clientPublicKey && encodeHex(clientPublicKey) };
    },
    'pack-reply'(input) {
      const { packReply } = serverOf(input).unpackRequest(bytesOf(input, 'packet'));
      return { reply: encodeHex(packReply(bytesOf(input, 'message'))) };
    },
    'unpack-reply'(input) {
      const { unpackReply } = clientOf(primitives, input).packRequest(bytesOf(input, 'message'));
      return { message: encodeHex(unpackReply(bytesOf(input, 'reply'))) };
    },
    'unpack-reply-sequence'(input) {
      const { unpackReply } = clientOf(primitives, input).packRequest(bytesOf(input, 'message'));
      return { results: textsOf(input, 'replies').map((reply) => unpacked(unpackReply, decodeHex(reply))) };
    },
    client(input) {
      clientOf(primitives, input);
      return {};
    },
    server(input) {
      serverOf(input);
      return {};
    },
    'seal-request'(input) {
      const request = clientOf(primitives, input).packRequest(bytesOf(input, 'message'));
      const packet = encodeHex(request.packet);
      sealed.set(packet, request);
      return { packet };
    },
    'open-reply'(input) {
      const request = sealed.get(textOf(input, 'packet'));
      if (request === undefined) throw new TypeError('This packet was not sealed here.');
      return { message: encodeHex(request.unpackReply(bytesOf(input, 'reply'))) };
    },
  };
}

/** With the ephemeral key that is told, if any. */
export function clientOf(primitives: Primitives, input: Fields): PssstClient {
  const ephemeral = optionalText(input, 'ephemeral');
  const clientPrivateKey = optionalText(input, 'clientPrivate');
  return new PssstClient(textOf(input, 'serverPublic'), {
    cipherSuite: suiteOf(input),
    primitives: ephemeral === null ? primitives : withEphemeral(primitives, ephemeral),
    ...(clientPrivateKey === null ? {} : { clientPrivateKey }),
  });
}

function suiteOf({ suite }: Fields): CipherSuite {
  return suite === undefined ? CipherSuite.X25519_AESGCM128 : (suite as CipherSuite);
}

/** Primitives whose next key pair is this one, so that a packet comes out byte for byte. */
function withEphemeral(primitives: Primitives, ephemeral: string): Primitives {
  const privateKey = primitives.x25519.importPrivate(decodeHex(ephemeral));
  return {
    ...primitives,
    x25519: {
      ...primitives.x25519,
      generate: () => ({ privateKey, publicKey: primitives.x25519.publicKey(privateKey) }),
      // The proof carries the key as it was drawn, clamped or not.
      exportPrivate: () => decodeHex(ephemeral),
    },
  };
}

function unpacked(unpackReply: PackedRequest['unpackReply'], reply: Bytes): Fields {
  try {
    return { message: encodeHex(unpackReply(reply)) };
  } catch (error) {
    if (error instanceof SottoError) return { rejected: true };
    throw error;
  }
}
