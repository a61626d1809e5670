/** The golden vectors made by running pypssst, on both sets of primitives. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import { PssstClient, PssstServer } from '../../src/envelope/pssst.ts';
import { deriveKeys } from '../../src/envelope/suite-1.ts';
import { codeOf, SottoError } from '../../src/errors.ts';
import { primitives as node } from '../../src/platform/node/crypto.ts';
import type { Primitives } from '../../src/platform/types.ts';
import { primitives as web } from '../../src/platform/web/crypto.ts';

type Fields = Record<string, string | null | undefined>;

interface Vector {
  readonly name: string;
  readonly op: string;
  readonly input: Fields & { replies?: string[] };
  readonly output?: Fields & { results?: Fields[] };
  readonly error?: { kind: string };
  readonly originals_differ?: object;
}

const file = JSON.parse(readFileSync(new URL('../../conformance/vectors/pssst.json', import.meta.url), 'utf8')) as { vectors: Vector[] };

/** The vectors' kinds of error, in our codes. */
const CODES: Readonly<Record<string, string>> = {
  truncated: 'packet_too_short',
  'unsupported-cipher': 'unsupported_cipher',
  'not-request': 'not_a_request',
  'not-reply': 'not_a_reply',
  'reply-mismatch': 'reply_mismatch',
  'decrypt-failed': 'decrypt_failed',
  'client-auth-failed': 'client_auth_failed',
  'low-order-point': 'low_order_point',
  'handler-reused': 'handler_reused',
  'bad-key': 'invalid_key',
};

/** Primitives whose next key pair is the vector's, so that a packet comes out byte for byte. */
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

function text(fields: Fields, name: string): string {
  const value = fields[name];
  assert.equal(typeof value, 'string', `the vector has no ${name}`);
  return value ?? '';
}

function bytes(fields: Fields, name: string): Uint8Array {
  return decodeHex(text(fields, name));
}

function clientOf(primitives: Primitives, input: Fields): PssstClient {
  const clientPrivateKey = input.clientPrivate ?? undefined;
  return new PssstClient(text(input, 'serverPublic'), {
    primitives: input.ephemeral ? withEphemeral(primitives, input.ephemeral) : primitives,
    ...(clientPrivateKey === undefined ? {} : { clientPrivateKey }),
  });
}

const OPERATIONS: Readonly<Record<string, (primitives: Primitives, vector: Vector) => unknown>> = {
  public: ({ x25519 }, { input }) => ({
    public: encodeHex(x25519.publicKey(x25519.importPrivate(bytes(input, 'private')))),
  }),
  derive(primitives, { input }) {
    const keys = deriveKeys(primitives, bytes(input, 'dh'), bytes(input, 'shared'));
    return {
      key: encodeHex(keys.requestKey),
      requestNonce: encodeHex(keys.requestNonce),
      replyNonce: encodeHex(keys.replyNonce ?? new Uint8Array(0)),
    };
  },
  'pack-request'(primitives, { input, output }) {
    const { packet, exchange } = clientOf(primitives, input).packRequest(bytes(input, 'message'));
    // The parts are derived again: `derive` has its own vectors.
    return { ...output, packet: encodeHex(packet), dh: encodeHex(exchange) };
  },
  'unpack-request'(primitives, { input }) {
    const server = new PssstServer(text(input, 'serverPrivate'), { primitives });
    const { message, clientPublicKey } = server.unpackRequest(bytes(input, 'packet'));
    return { message: encodeHex(message), clientPublic: clientPublicKey && encodeHex(clientPublicKey) };
  },
  'pack-reply'(primitives, { input }) {
    const server = new PssstServer(text(input, 'serverPrivate'), { primitives });
    const { packReply } = server.unpackRequest(bytes(input, 'packet'));
    return { reply: encodeHex(packReply(bytes(input, 'message'))) };
  },
  'unpack-reply'(primitives, { input }) {
    const { unpackReply } = clientOf(primitives, input).packRequest(bytes(input, 'message'));
    return { message: encodeHex(unpackReply(bytes(input, 'reply'))) };
  },
  'unpack-reply-sequence'(primitives, { input }) {
    const { unpackReply } = clientOf(primitives, input).packRequest(bytes(input, 'message'));
    const results = (input.replies ?? []).map((reply) => {
      try {
        return { message: encodeHex(unpackReply(decodeHex(reply))) };
      } catch (error) {
        return { error: Object.keys(CODES).find((kind) => CODES[kind] === codeOf(error)) };
      }
    });
    return { results };
  },
  client: (primitives, { input }) => clientOf(primitives, input),
  server: (primitives, { input }) => new PssstServer(text(input, 'serverPrivate'), { primitives }),
};

for (const primitives of [node, web]) {
  describe(`pypssst vectors on ${primitives.name} primitives`, () => {
    for (const vector of file.vectors) {
      test(`${vector.op}: ${vector.name}`, () => {
        const operation = OPERATIONS[vector.op];
        assert.ok(operation, `nothing runs ${vector.op}`);
        if (vector.originals_differ) {
          // pypssst does not notice a flipped unknown flag bit; we do, as gopssst does (specs/pssst.md, section 5).
          assert.throws(() => operation(primitives, vector), { code: 'decrypt_failed' });
        } else if (vector.error) {
          const code = CODES[vector.error.kind];
          assert.ok(code, `no code for ${vector.error.kind}`);
          assert.throws(
            () => operation(primitives, vector),
            (error) => error instanceof SottoError && error.code === code,
          );
        } else {
          assert.deepEqual(operation(primitives, vector), vector.output);
        }
      });
    }
  });
}

test('every vector of the file is run', () => {
  assert.equal(file.vectors.length, 189);
});
