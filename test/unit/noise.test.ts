/** Handshakes and cipher states of Noise: what they refuse, and that they say no more than they must. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, EMPTY } from '../../src/bytes/bytes.ts';
import { encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { CipherState, type NoiseSuite } from '../../src/envelope/noise/cipher-state.ts';
import { HandshakeState, type NoiseProtocol } from '../../src/envelope/noise.ts';
import { SottoError } from '../../src/errors.ts';
import { Identity } from '../../src/keys/identity.ts';
import { PublicKey } from '../../src/keys/public-key.ts';
import { noisePrimitives as node } from '../../src/platform/node/noise-crypto.ts';
import { noisePrimitives as web } from '../../src/platform/web/noise-crypto.ts';
import { finish, handshake, handshakeOptions, PROTOCOLS } from '../support/noise.ts';

const IK = 'Noise_IK_25519_AESGCM_SHA256';
const NK = 'Noise_NK_25519_AESGCM_SHA256';
const XX = 'Noise_XX_25519_ChaChaPoly_SHA256';
const NNPSK0 = 'Noise_NNpsk0_25519_AESGCM_SHA256';
const PAYLOAD = encodeUtf8('hello');

/** What the network may cause: one code and one text, whatever was wrong. */
const refusal = { code: 'decrypt_failed', message: textOfRefusal() };

function textOfRefusal(): string {
  try {
    handshake(NK).responder.readMessage(EMPTY);
  } catch (error) {
    if (error instanceof SottoError) return error.message;
  }
  return assert.fail('an empty message was read');
}

/** Lets one message through `alter`; whichever end minds, must refuse it as above. */
function tamper(protocol: NoiseProtocol, at: number, alter: (message: Bytes) => Bytes): void {
  const { initiator, responder } = handshake(protocol);
  for (let message = 0; ; message++) {
    const [writer, reader] = message % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const written = writer.writeMessage(PAYLOAD);
    const arrived = message === at ? alter(written) : written;
    const read = (): Bytes => reader.readMessage(arrived);
    // The first message of XX is in the clear: unless its size is wrong, only the answer to it can tell.
    const unnoticed =
      protocol.includes('XX') && message === 0 && arrived.length >= 32 && arrived.length <= 65_535;
    if (message < at || unnoticed) {
      read();
      continue;
    }
    assert.throws(read, refusal);
    assert.throws(() => reader.readMessage(written), { code: 'handshake_out_of_turn', message: /failed/ });
    assert.equal(reader.isFinished, false);
    return;
  }
}

describe('a handshake', () => {
  for (const protocol of PROTOCOLS) {
    test(`${protocol}: both ends come to the same, on different primitives too`, () => {
      const options = handshakeOptions(protocol);
      const initiator = new HandshakeState({ ...options.initiator, primitives: node });
      const responder = new HandshakeState({ ...options.responder, primitives: web });
      finish({ initiator, responder }, PAYLOAD);
      assert.deepEqual(initiator.handshakeHash, responder.handshakeHash);
      const [ours, theirs] = [initiator.split(), responder.split()];
      for (const [from, to] of [
        [ours, theirs],
        [theirs, ours],
      ] as const) {
        const sealed = from.sending.encryptWithAd(EMPTY, PAYLOAD);
        assert.deepEqual(to.receiving.decryptWithAd(EMPTY, sealed), PAYLOAD);
      }
      assert.deepEqual(initiator.handshakeHash, responder.handshakeHash, 'it stays after the split');
    });

    test(`${protocol}: every byte altered, and every message cut or lengthened, is refused in the same words`, () => {
      for (const at of protocol.includes('XX') ? [0, 1, 2] : [0, 1]) {
        const { length } = messagesOf(protocol)[at] ?? assert.fail('no such message');
        for (let byte = 0; byte < length; byte++) {
          tamper(protocol, at, (message) =>
            message.map((each, place) => (place === byte ? each ^ 0x80 : each)),
          );
        }
        for (let size = 0; size < length; size++)
          tamper(protocol, at, (message) => message.subarray(0, size));
        tamper(protocol, at, (message) => Uint8Array.of(...message, 0));
        tamper(protocol, at, () => new Uint8Array(65_536));
      }
    });
  }

  test('with another prologue, secret or server key fails', () => {
    const psk = handshakeOptions(NNPSK0);
    const ik = handshakeOptions(IK);
    for (const [ours, theirs] of [
      [
        { ...psk.initiator, prologue: encodeUtf8('a') },
        { ...psk.responder, prologue: encodeUtf8('b') },
      ],
      [psk.initiator, { ...psk.responder, psk: new Uint8Array(32) }],
      [{ ...ik.initiator, remoteStaticKey: Identity.generate().publicKey }, ik.responder],
      [psk.initiator, { ...psk.responder, protocol: 'Noise_NNpsk0_25519_ChaChaPoly_SHA256' }],
    ] as const) {
      const message = new HandshakeState(ours).writeMessage();
      assert.throws(() => new HandshakeState(theirs).readMessage(message), refusal);
    }
  });

  test('gives the remote static key as a value, once it is proven', () => {
    const options = handshakeOptions(XX);
    const [initiator, responder] = [
      new HandshakeState(options.initiator),
      new HandshakeState(options.responder),
    ];
    responder.readMessage(initiator.writeMessage());
    assert.deepEqual([initiator.remoteStaticKey, responder.remoteStaticKey], [null, null]);
    const second = responder.writeMessage();
    initiator.readMessage(second);
    assert.ok(initiator.remoteStaticKey instanceof PublicKey);
    assert.ok(options.responder.identity?.publicKey.equals(initiator.remoteStaticKey));
    assert.equal(responder.remoteStaticKey, null);
    responder.readMessage(initiator.writeMessage());
    assert.ok(
      options.initiator.identity?.publicKey.equals(responder.remoteStaticKey ?? assert.fail('no key')),
    );
  });

  test('does not tell a claimed key whose message did not open', () => {
    const { initiator, responder } = handshake(IK);
    const message = initiator.writeMessage(PAYLOAD);
    message[message.length - 1] = (message.at(-1) ?? 0) ^ 1; // the payload's tag, after a key that does open
    assert.throws(() => responder.readMessage(message), refusal);
    assert.equal(responder.remoteStaticKey, null);
  });

  test('keeps no view of bytes that the caller may use again', () => {
    const { initiator, responder } = handshake('Noise_XX_25519_AESGCM_SHA256', web);
    const pass = (writer: HandshakeState, reader: HandshakeState): void => {
      const message = Buffer.from(writer.writeMessage());
      reader.readMessage(message);
      message.fill(0xff);
    };
    pass(initiator, responder);
    pass(responder, initiator);
    pass(initiator, responder);
    assert.deepEqual(initiator.handshakeHash, responder.handshakeHash);
  });

  test('refuses a point of low order as anything else from the network, when writing too', () => {
    for (const lowOrder of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
      const { responder } = handshake(XX);
      responder.readMessage(lowOrder);
      assert.throws(() => responder.writeMessage(), refusal);
      assert.throws(() => responder.writeMessage(), { code: 'handshake_out_of_turn' });
      assert.throws(() => handshake(IK).responder.readMessage(sized(lowOrder, 96)), refusal);
    }
  });

  test('out of turn is a mistake of the program', () => {
    const { initiator, responder } = handshake(NK);
    const outOfTurn = (work: () => unknown, message: RegExp): void =>
      assert.throws(work, { code: 'handshake_out_of_turn', message });
    outOfTurn(() => initiator.readMessage(EMPTY), /initiator's turn to write, and this end is the initiator/);
    outOfTurn(() => responder.writeMessage(), /initiator's turn to write, and this end is the responder/);
    outOfTurn(() => initiator.split(), /only 0 of the handshake's 2 messages/);
    const first = initiator.writeMessage();
    outOfTurn(() => initiator.writeMessage(), /responder's turn/);
    outOfTurn(() => initiator.handshakeHash, /only 1/);
    responder.readMessage(first);
    initiator.readMessage(responder.writeMessage());
    outOfTurn(() => initiator.writeMessage(), /finished/);
    outOfTurn(() => responder.readMessage(EMPTY), /finished/);
    initiator.split();
    outOfTurn(() => initiator.split(), /works once/);
  });

  test('messages are at most 65 535 bytes long; a payload too long changes nothing', () => {
    for (const protocol of PROTOCOLS) {
      const { initiator, responder } = handshake(protocol);
      const most = 65_535 - (messagesOf(protocol)[0]?.length ?? 0) + PAYLOAD.length;
      assert.throws(() => initiator.writeMessage(new Uint8Array(most + 1)), {
        code: 'frame_too_large',
        message: new RegExp(`${most} are the most`),
      });
      const message = initiator.writeMessage(new Uint8Array(most));
      assert.equal(message.length, 65_535);
      assert.equal(responder.readMessage(message).length, most);
    }
  });
});

describe('at the door', () => {
  test('unknown protocols and roles are refused', () => {
    const { initiator } = handshakeOptions(NK);
    for (const protocol of [
      'Noise_NK_448_AESGCM_SHA256',
      'NK',
      'Noise_XXpsk3_25519_AESGCM_SHA256',
      '__proto__',
    ]) {
      assert.throws(() => new HandshakeState({ ...initiator, protocol: protocol as NoiseProtocol }), {
        code: 'invalid_option',
        message: /Noise_IK_25519_ChaChaPoly_SHA256/,
      });
    }
    assert.throws(() => new HandshakeState({ ...initiator, role: 'client' as 'initiator' }), {
      code: 'invalid_option',
    });
  });

  test('a key too few or too many is refused by name', () => {
    const [ik, nk, psk] = [handshakeOptions(IK), handshakeOptions(NK), handshakeOptions(NNPSK0)];
    const { identity: _, ...anonymous } = ik.initiator;
    const { remoteStaticKey: __, ...blind } = nk.initiator;
    const { psk: ___, ...open } = psk.responder;
    const secret = new Uint8Array(32);
    for (const [options, message] of [
      [anonymous, 'The initiator of Noise_IK_25519_AESGCM_SHA256 needs identity.'],
      [blind, 'The initiator of Noise_NK_25519_AESGCM_SHA256 needs remoteStaticKey.'],
      [open, 'The responder of Noise_NNpsk0_25519_AESGCM_SHA256 needs psk.'],
      [{ ...nk.initiator, identity: Identity.generate() }, /has no use for identity/],
      [{ ...nk.responder, remoteStaticKey: Identity.generate().publicKey }, /has no use for remoteStaticKey/],
      [{ ...nk.initiator, psk: secret }, /has no use for psk/],
    ] as const) {
      assert.throws(() => new HandshakeState(options), { code: 'invalid_option', message });
    }
  });

  test('keys of another size, and points of low order, are refused', () => {
    const { initiator } = handshakeOptions(NK);
    for (const length of [0, 31, 33]) {
      const options = { ...handshakeOptions(NNPSK0).initiator, psk: new Uint8Array(length) };
      assert.throws(() => new HandshakeState(options), {
        code: 'invalid_key',
        message: new RegExp(`has ${length}`),
      });
    }
    assert.throws(() => new HandshakeState({ ...initiator, remoteStaticKey: '' }), { code: 'invalid_key' });
    assert.throws(() => new HandshakeState({ ...initiator, remoteStaticKey: new Uint8Array(31) }), {
      code: 'invalid_key',
    });
    for (const primitives of [node, web]) {
      const options = { ...initiator, primitives, remoteStaticKey: new Uint8Array(32) };
      assert.throws(() => new HandshakeState(options), { code: 'low_order_point' });
    }
  });

  test('what are no bytes is refused without ending the handshake', () => {
    const { initiator, responder } = handshake(NK);
    assert.throws(() => initiator.writeMessage('hello' as unknown as Bytes), { code: 'invalid_argument' });
    assert.throws(() => responder.readMessage(null as unknown as Bytes), { code: 'invalid_argument' });
    finish({ initiator, responder });
  });
});

for (const primitives of [node, web]) {
  for (const cipher of ['AESGCM', 'ChaChaPoly'] as const) {
    describe(`a cipher state of ${cipher}, ${primitives.name}`, () => {
      const suite: NoiseSuite = { primitives, cipher };
      const states = (nonce = 0n): [CipherState, CipherState] => [
        new CipherState(suite, new Uint8Array(32).fill(5), nonce),
        new CipherState(suite, new Uint8Array(32).fill(5), nonce),
      ];

      test('a message that does not open leaves the nonce as it was', () => {
        const [ours, theirs] = states();
        const first = ours.encryptWithAd(PAYLOAD, PAYLOAD);
        const second = ours.encryptWithAd(EMPTY, PAYLOAD);
        assert.notDeepEqual(first, second);
        for (const wrong of [second, EMPTY, first.subarray(1), first.toReversed(), new Uint8Array(65_536)]) {
          assert.throws(() => theirs.decryptWithAd(PAYLOAD, wrong), refusal);
        }
        assert.throws(() => theirs.decryptWithAd(EMPTY, first), refusal);
        assert.equal(theirs.nonce, 0n);
        assert.deepEqual(theirs.decryptWithAd(PAYLOAD, first), PAYLOAD);
        assert.equal(theirs.nonce, 1n);
        assert.deepEqual(theirs.decryptWithAd(EMPTY, second), PAYLOAD);
        assert.throws(() => theirs.decryptWithAd(EMPTY, second), refusal);
      });

      test('with its nonce a message opens in any order, and the own nonce does not move', () => {
        const [ours, theirs] = states(2n ** 63n);
        const sealed = [0, 1, 2].map(() => ours.encryptNext(EMPTY, PAYLOAD));
        for (const { nonce, ciphertext } of sealed.toReversed()) {
          assert.deepEqual(theirs.decryptAt(nonce, EMPTY, ciphertext), PAYLOAD);
          assert.throws(() => theirs.decryptAt(nonce + 3n, EMPTY, ciphertext), refusal);
        }
        assert.deepEqual([ours.nonce, theirs.nonce], [2n ** 63n + 3n, 2n ** 63n]);
      });

      test('the nonce 2^64 - 1 is never used', () => {
        const [ours, theirs] = states(2n ** 64n - 2n);
        const { nonce, ciphertext } = ours.encryptNext(EMPTY, PAYLOAD);
        assert.deepEqual(theirs.decryptWithAd(EMPTY, ciphertext), PAYLOAD);
        assert.throws(() => ours.encryptWithAd(EMPTY, PAYLOAD), { code: 'nonce_exhausted' });
        assert.throws(() => theirs.decryptWithAd(EMPTY, ciphertext), { code: 'nonce_exhausted' });
        for (const wrong of [nonce + 1n, 2n ** 64n, 2n ** 64n + nonce, -1n]) {
          assert.throws(() => theirs.decryptAt(wrong, EMPTY, ciphertext), refusal);
        }
        assert.deepEqual(theirs.decryptAt(nonce, EMPTY, ciphertext), PAYLOAD);
      });

      test('rekey gives the key that the specification says, and the old one is overwritten', () => {
        const key = new Uint8Array(32).fill(5);
        const state = new CipherState(suite, key);
        const reserved = Uint8Array.of(0, 0, 0, 0, ...new Uint8Array(8).fill(0xff));
        const expected = new Uint8Array(48);
        const aead = cipher === 'AESGCM' ? primitives.aesGcm : primitives.chaCha20Poly1305;
        aead.seal(key, reserved, EMPTY, [new Uint8Array(32)], expected, 0);
        state.encryptWithAd(EMPTY, PAYLOAD);
        state.rekey();
        assert.equal(encodeHex(key), '00'.repeat(32));
        const other = new CipherState(suite, expected.slice(0, 32), 1n);
        assert.equal(state.nonce, 1n);
        assert.deepEqual(other.decryptWithAd(EMPTY, state.encryptWithAd(EMPTY, PAYLOAD)), PAYLOAD);
      });

      test('seals 65 519 bytes and not one more', () => {
        const [ours, theirs] = states();
        assert.throws(() => ours.encryptWithAd(EMPTY, new Uint8Array(65_520)), { code: 'frame_too_large' });
        assert.equal(ours.nonce, 0n);
        const sealed = ours.encryptWithAd(EMPTY, new Uint8Array(65_519));
        assert.equal(sealed.length, 65_535);
        assert.equal(theirs.decryptWithAd(EMPTY, sealed).length, 65_519);
      });

      test('once wiped, it neither seals nor opens, nor lets anything through', () => {
        const [ours, theirs] = states();
        const sealed = ours.encryptWithAd(EMPTY, PAYLOAD);
        for (const state of [ours, theirs]) state.wipe();
        assert.throws(() => ours.encryptWithAd(EMPTY, PAYLOAD), { code: 'closed' });
        assert.throws(() => theirs.decryptWithAd(EMPTY, sealed), { code: 'closed' });
        assert.throws(() => ours.rekey(), { code: 'closed' });
      });
    });
  }
}

/** The messages of an undisturbed handshake. */
function messagesOf(protocol: NoiseProtocol): Bytes[] {
  const { initiator, responder } = handshake(protocol);
  const messages: Bytes[] = [];
  while (!initiator.isFinished) {
    const [writer, reader] = messages.length % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const message = writer.writeMessage(PAYLOAD);
    reader.readMessage(message);
    messages.push(message);
  }
  return messages;
}

function sized(start: Bytes, size: number): Bytes {
  const whole = new Uint8Array(size);
  whole.set(start);
  return whole;
}
