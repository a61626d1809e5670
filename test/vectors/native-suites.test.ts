/** Our own suites 0x5300 and 0x5301: both sets of primitives understand each other, and nothing altered opens. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { CipherSuite, generateKeyPair, PssstClient, PssstServer } from '../../src/envelope/pssst.ts';
import { codeOf } from '../../src/errors.ts';
import { primitives as node } from '../../src/platform/node/crypto.ts';
import { primitives as web } from '../../src/platform/web/crypto.ts';
import { replyOverhead, requestOverhead } from '../../src/wire/pssst.ts';

const MESSAGE = encodeUtf8('The Magic Words are Squeamish Ossifrage');
const SUITES = Object.values(CipherSuite);
/** Everything a packet that was tampered with may be refused for. */
const REFUSALS = new Set([
  'decrypt_failed',
  'client_auth_failed',
  'low_order_point',
  'not_a_request',
  'not_a_reply',
  'packet_too_short',
  'reply_mismatch',
  'unsupported_cipher',
]);

await web.loadPostQuantum();

interface Ends {
  readonly client: PssstClient;
  readonly server: PssstServer;
}

function ends(cipherSuite: CipherSuite, withProof: boolean, ours = node, theirs = node): Ends {
  const keys = generateKeyPair(cipherSuite);
  const clientPrivateKey = generateKeyPair().privateKey;
  const proof = withProof ? { clientPrivateKey } : {};
  return {
    client: new PssstClient(keys.publicKey, { cipherSuite, primitives: ours, ...proof }),
    server: new PssstServer(keys.privateKey, { cipherSuite, primitives: theirs }),
  };
}

for (const suite of SUITES) {
  for (const withProof of [false, true]) {
    describe(`suite ${suite}, ${withProof ? 'with' : 'without'} client proof`, () => {
      for (const [ours, theirs] of [[node, web], [web, node]] as const) {
        test(`${ours.name} asks ${theirs.name}`, () => {
          const { client, server } = ends(suite, withProof, ours, theirs);
          const asked = client.packRequest(MESSAGE);
          assert.equal(asked.packet.length, requestOverhead(suite, withProof) + MESSAGE.length);
          const received = server.unpackRequest(asked.packet);
          assert.deepEqual(received.message, MESSAGE);
          assert.equal(received.clientPublicKey !== null, withProof);
          assert.deepEqual(received.exchange, asked.exchange);
          const reply = received.packReply(MESSAGE.toReversed());
          assert.equal(reply.length, replyOverhead(suite) + MESSAGE.length);
          assert.deepEqual(reply.subarray(4, 36), asked.exchange);
          assert.deepEqual(asked.unpackReply(reply), MESSAGE.toReversed());
          assert.throws(() => asked.unpackReply(reply), { code: 'handler_reused' });
          assert.throws(() => received.packReply(MESSAGE), { code: 'handler_reused' });
        });
      }

      test('every bit of a request flipped is refused', () => {
        const { client, server } = ends(suite, withProof);
        const { packet } = client.packRequest(MESSAGE);
        for (let at = 0; at < packet.length; at++) {
          const altered = packet.slice();
          altered[at] = (altered[at] ?? 0) ^ (1 << at % 8);
          assert.throws(() => server.unpackRequest(altered), (error) => REFUSALS.has(codeOf(error)), `byte ${at}`);
        }
      });

      test('every byte of a reply flipped is refused, and the true one is taken afterwards', () => {
        const { client, server } = ends(suite, withProof);
        const { packet, unpackReply } = client.packRequest(MESSAGE);
        const reply = server.unpackRequest(packet).packReply(MESSAGE);
        for (let at = 0; at < reply.length; at++) {
          const altered = reply.slice();
          altered[at] = (altered[at] ?? 0) ^ 0x10;
          assert.throws(() => unpackReply(altered), (error) => REFUSALS.has(codeOf(error)), `byte ${at}`);
        }
        assert.deepEqual(unpackReply(reply), MESSAGE);
      });

      test('cut anywhere, it is refused', () => {
        const { client, server } = ends(suite, withProof);
        const { packet, unpackReply } = client.packRequest(MESSAGE);
        const reply = server.unpackRequest(packet).packReply(MESSAGE);
        for (let size = 0; size < packet.length; size++) {
          assert.throws(() => server.unpackRequest(packet.subarray(0, size)), (error) => REFUSALS.has(codeOf(error)));
        }
        for (let size = 0; size < reply.length; size++) {
          assert.throws(() => unpackReply(reply.subarray(0, size)), (error) => REFUSALS.has(codeOf(error)));
        }
      });
    });
  }
}

describe('our own suites', () => {
  for (const suite of [CipherSuite.X25519_AESGCM256, CipherSuite.MLKEM768X25519_AESGCM256]) {
    test(`${suite}: a replayed request answered differently shares neither nonce nor key stream`, () => {
      const { client, server } = ends(suite, false);
      const { packet, openReply } = client.packRequest(MESSAGE);
      const first = server.unpackRequest(packet).packReply(MESSAGE);
      const second = server.unpackRequest(packet);
      const packets = [first, second.packReply(MESSAGE), second.packAnotherReply(MESSAGE)];
      assert.equal(new Set(packets.map((each) => encodeHex(each.subarray(36)))).size, 3);
      for (const each of packets) assert.deepEqual(openReply(each), MESSAGE);
    });

    test(`${suite}: no private key is sent`, () => {
      const keys = generateKeyPair(suite);
      const clientKeys = generateKeyPair();
      const seen: Uint8Array[] = [];
      const watching = {
        ...node,
        x25519: { ...node.x25519, exportPrivate: () => assert.fail('a private key was exported') },
        aesGcm: {
          ...node.aesGcm,
          seal: (...args: Parameters<typeof node.aesGcm.seal>) => {
            seen.push(...args[3]);
            node.aesGcm.seal(...args);
          },
        },
      };
      new PssstClient(keys.publicKey, {
        cipherSuite: suite,
        clientPrivateKey: clientKeys.privateKey,
        primitives: watching,
      }).packRequest(MESSAGE);
      assert.equal(seen.length, 3, 'client key, proof, message');
      assert.deepEqual(seen[0], clientKeys.publicKey);
      assert.notDeepEqual(seen[1], clientKeys.privateKey);
    });

    test(`${suite}: a proof made for one exchange does not hold for another, nor for another server`, () => {
      const { client } = ends(suite, true);
      const other = ends(suite, true);
      assert.throws(() => other.server.unpackRequest(client.packRequest(MESSAGE).packet), { code: 'decrypt_failed' });
    });
  }

  test('suite 1 refuses to seal a second, different reply', () => {
    const { client, server } = ends(CipherSuite.X25519_AESGCM128, false);
    const received = server.unpackRequest(client.packRequest(MESSAGE).packet);
    assert.throws(() => received.packAnotherReply(MESSAGE), { code: 'handler_reused' });
  });

  test('a server takes requests of its own suite alone', () => {
    for (const suite of SUITES) {
      for (const other of SUITES.filter((each) => each !== suite)) {
        const { client } = ends(suite, false);
        const { server } = ends(other, false);
        assert.throws(() => server.unpackRequest(client.packRequest(MESSAGE).packet), { code: 'unsupported_cipher' });
      }
    }
  });

  test('their bytes never change: packets kept since the first release still open, on both primitives', () => {
    const file = JSON.parse(readFileSync(new URL('../../conformance/vectors/native-suites.json', import.meta.url), 'utf8')) as {
      vectors: { suite: CipherSuite; serverPrivate: string; packet: string; message: string; clientPublic: string | null }[];
    };
    assert.equal(file.vectors.length, 4);
    for (const vector of file.vectors) {
      for (const primitives of [node, web]) {
        const server = new PssstServer(vector.serverPrivate, { cipherSuite: vector.suite, primitives });
        const { message, clientPublicKey } = server.unpackRequest(decodeHex(vector.packet));
        assert.equal(encodeHex(message), vector.message);
        assert.equal(clientPublicKey && encodeHex(clientPublicKey), vector.clientPublic);
      }
    }
  });
});
