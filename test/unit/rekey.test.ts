/** Fresh keys for a session: who derives and switches when, what is lost (nothing), and what old keys open (nothing). */

import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type Bytes, concat, EMPTY } from '../../src/bytes/bytes.ts';
import { encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { withEphemeral } from '../../src/conformance/testee/native.ts';
import { Epoch } from '../../src/envelope/noise/epoch.ts';
import { HandshakeState } from '../../src/envelope/noise.ts';
import { RekeyingTransport, type RekeyMessage, type SealedMessage } from '../../src/envelope/rekey.ts';
import { noisePrimitives as node } from '../../src/platform/node/noise-crypto.ts';
import { noisePrimitives as web } from '../../src/platform/web/noise-crypto.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { decodeRekey, encodeRekey, finish, handshake, handshakeOptions, session } from '../support/noise.ts';
import { areOverwritten, keysIn, opened, recording } from '../support/thief.ts';

const TEXT = encodeUtf8('a message');
const refusal = { code: 'decrypt_failed' };

/** What one end sends the other about a rekey goes as an ordinary message; the answer, if there is one, likewise. */
function tell(
  from: RekeyingTransport,
  to: RekeyingTransport,
  message: RekeyMessage | null,
): RekeyMessage | null {
  const { ciphertext } = from.encrypt(encodeRekey(message ?? assert.fail('there is nothing to tell')));
  return to.receive(decodeRekey(to.decrypt(ciphertext)));
}

function say(from: RekeyingTransport, to: RekeyingTransport): void {
  assert.deepEqual(to.decrypt(from.encrypt(TEXT).ciphertext), TEXT);
}

/** A whole rekey in order, after which both ends seal and open under the new epoch alone. */
function rekey(asker: RekeyingTransport, other: RekeyingTransport): void {
  tell(other, asker, tell(asker, other, asker.ask()));
  say(asker, other);
  say(other, asker);
}

function open(end: RekeyingTransport, { nonce, ciphertext }: SealedMessage): Bytes {
  return end.decryptAt(nonce, ciphertext);
}

describe('a rekey in order', () => {
  for (const [asking, answering] of [
    ['initiator', 'responder'],
    ['responder', 'initiator'],
  ] as const) {
    test(`the ${asking} asks: each end switches when it knows that the other can follow`, () => {
      const ends = session();
      const [asker, other] = [ends[asking], ends[answering]];
      const answer = tell(asker, other, asker.ask());
      assert.deepEqual([asker.epoch, other.epoch], [0, 0], 'nobody has switched');
      say(asker, other);
      say(other, asker);
      assert.equal(tell(other, asker, answer), null);
      assert.deepEqual([asker.epoch, other.epoch], [1, 0], 'the asker has, by the answer');
      say(other, asker); // still under the old epoch, and it opens
      assert.equal(other.epoch, 0);
      say(asker, other);
      assert.deepEqual([asker.epoch, other.epoch], [1, 1], 'the other end has, by a message');
      say(other, asker);
      assert.deepEqual([asker.sent, other.sent], [1, 1], 'messages are counted anew');
    });
  }

  test('messages on their way both ways are not lost', () => {
    const { initiator, responder } = session();
    const toResponder = [
      initiator.encrypt(TEXT),
      initiator.encrypt(encodeRekey(initiator.ask() ?? assert.fail())),
    ];
    const toInitiator = [responder.encrypt(TEXT), responder.encrypt(TEXT)];
    toResponder.push(initiator.encrypt(TEXT));
    responder.decrypt(toResponder[0]?.ciphertext ?? EMPTY);
    const answer = responder.receive(decodeRekey(responder.decrypt(toResponder[1]?.ciphertext ?? EMPTY)));
    toInitiator.push(responder.encrypt(encodeRekey(answer ?? assert.fail())), responder.encrypt(TEXT));
    for (const [at, { ciphertext }] of toInitiator.entries()) {
      const plaintext = initiator.decrypt(ciphertext);
      if (at === 2) initiator.receive(decodeRekey(plaintext));
    }
    assert.equal(initiator.epoch, 1);
    assert.deepEqual(responder.decrypt(toResponder[2]?.ciphertext ?? EMPTY), TEXT);
    say(initiator, responder);
    say(responder, initiator);
    assert.equal(responder.epoch, 1);
  });

  test('both may ask at once, many times in turn', () => {
    const { initiator, responder } = session();
    for (let epoch = 1; epoch <= 5; epoch++) {
      const asks = [
        initiator.encrypt(encodeRekey(initiator.ask() ?? assert.fail())),
        responder.encrypt(encodeRekey(responder.ask() ?? assert.fail())),
      ];
      const theirs = responder.receive(decodeRekey(responder.decrypt(asks[0]?.ciphertext ?? EMPTY)));
      const ours = initiator.receive(decodeRekey(initiator.decrypt(asks[1]?.ciphertext ?? EMPTY)));
      assert.equal(tell(initiator, responder, ours), null);
      assert.equal(tell(responder, initiator, theirs), null);
      say(initiator, responder);
      say(responder, initiator);
      assert.deepEqual([initiator.epoch, responder.epoch], [epoch, epoch]);
    }
  });

  test('an ask is the same until it is answered, and gets the same answer', () => {
    const { initiator, responder } = session();
    const ask = initiator.ask();
    assert.deepEqual(initiator.ask(), ask);
    const answer = tell(initiator, responder, ask);
    assert.deepEqual(tell(initiator, responder, ask), answer);
    assert.equal(responder.ask(), null, 'a rekey is under way');
    for (let time = 0; time < 2; time++) assert.equal(tell(responder, initiator, answer), null);
    say(initiator, responder);
    say(responder, initiator);
    assert.notDeepEqual(initiator.ask()?.publicKey, ask?.publicKey);
  });

  test('what does not open changes nothing, before and while keys change', () => {
    const { initiator, responder } = session();
    const foreign = session().initiator.encrypt(TEXT).ciphertext;
    const refuse = (): void => {
      for (const end of [initiator, responder]) {
        for (const junk of [EMPTY, TEXT, new Uint8Array(65_536), foreign]) {
          assert.throws(() => end.decrypt(junk), refusal);
        }
      }
    };
    refuse();
    const answer = tell(responder, initiator, responder.ask());
    refuse();
    assert.equal(tell(initiator, responder, answer), null);
    refuse();
    say(responder, initiator);
    refuse();
    say(initiator, responder);
    assert.deepEqual([initiator.epoch, responder.epoch], [1, 1]);
  });
});

describe('a rekey where messages overtake each other', () => {
  test('both epochs open side by side until the old keys are dropped', () => {
    const { initiator, responder } = session();
    const late = [initiator.encrypt(TEXT), initiator.encrypt(TEXT)];
    const back = [responder.encrypt(TEXT), responder.encrypt(TEXT)];
    const ask = initiator.encrypt(encodeRekey(initiator.ask() ?? assert.fail()));
    const answer = responder.receive(decodeRekey(open(responder, ask))) ?? assert.fail();
    assert.equal(responder.dropPrevious(), false, 'the asker may still seal under the old keys');
    assert.equal(
      initiator.receive(decodeRekey(open(initiator, responder.encrypt(encodeRekey(answer))))),
      null,
    );
    const first = initiator.encrypt(TEXT);
    assert.equal(first.nonce, 2n ** 32n);
    assert.equal(initiator.dropPrevious(), false, 'the other end may still seal under the old keys');
    assert.deepEqual(open(responder, first), TEXT);
    assert.equal(responder.encrypt(TEXT).nonce >> 32n, 1n);
    assert.deepEqual(open(responder, late[1] ?? assert.fail()), TEXT);
    assert.deepEqual(open(initiator, responder.encrypt(TEXT)), TEXT);
    assert.deepEqual(open(initiator, back[1] ?? assert.fail()), TEXT);
    assert.deepEqual([initiator.ask(), responder.ask()], [null, null], 'what is late would be lost');
    assert.deepEqual([initiator.dropPrevious(), responder.dropPrevious()], [true, true]);
    assert.equal(responder.ask()?.epoch, 2);
    assert.throws(() => open(responder, late[0] ?? assert.fail()), refusal);
    assert.throws(() => open(initiator, back[0] ?? assert.fail()), refusal);
    assert.deepEqual(open(responder, initiator.encrypt(TEXT)), TEXT);
  });

  test('every message opens once, in each epoch', () => {
    const { initiator, responder } = session();
    const sent = [initiator.encrypt(TEXT), initiator.encrypt(TEXT)];
    const answer = responder.receive(initiator.ask() ?? assert.fail());
    initiator.receive(answer ?? assert.fail());
    sent.push(initiator.encrypt(TEXT), initiator.encrypt(TEXT));
    for (const each of sent.toReversed()) assert.deepEqual(open(responder, each), TEXT);
    for (const each of sent) assert.throws(() => open(responder, each), refusal);
  });

  test('a forged nonce moves no window, and epochs that are not there open nothing', () => {
    const { initiator, responder } = session();
    const sealed = initiator.encrypt(TEXT);
    for (const nonce of [-1n, 1n, 5000n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n]) {
      assert.throws(() => responder.decryptAt(nonce, sealed.ciphertext), refusal);
    }
    assert.deepEqual(open(responder, sealed), TEXT);
  });
});

describe('no honest end sends', () => {
  const key = new Uint8Array(32).fill(9);
  const refused = (end: RekeyingTransport, message: RekeyMessage, why: RegExp): void =>
    assert.throws(() => end.receive(message), { code: 'invalid_message', message: why });

  test('an answer to nothing, another epoch, a key of another size or of low order', () => {
    const { initiator, responder } = session();
    refused(initiator, { type: 'answer', epoch: 1, publicKey: key }, /nothing was asked/);
    refused(initiator, { type: 'ask', epoch: 2, publicKey: key }, /another epoch/);
    refused(initiator, { type: 'ask', epoch: 0, publicKey: key }, /no rekey yet/);
    refused(initiator, { type: 'ask', epoch: 1, publicKey: key.subarray(1) }, /31 bytes/);
    refused(initiator, { type: 'ask', epoch: 1, publicKey: new Uint8Array(32) }, /low order/);
    rekey(initiator, responder);
  });

  test('another key than before, or the next rekey before this one is over', () => {
    const { initiator, responder } = session();
    const answer = tell(initiator, responder, initiator.ask()) ?? assert.fail();
    refused(responder, { type: 'ask', epoch: 1, publicKey: key }, /another key/);
    refused(responder, { type: 'ask', epoch: 2, publicKey: key }, /not over/);
    assert.equal(tell(responder, initiator, answer), null);
    say(initiator, responder);
    say(responder, initiator);
    assert.equal(initiator.receive({ type: 'ask', epoch: 0, publicKey: key }), null, 'overtaken: ignored');
  });
});

test('2^32 messages are the most that an epoch seals', () => {
  const { initiator, responder } = session();
  const chain = (): [Bytes, Bytes, Bytes] => [new Uint8Array(32), new Uint8Array(32), new Uint8Array(32)];
  const epoch = new Epoch({ suite: { primitives: node, cipher: 'AESGCM' }, role: 'initiator' }, 0, chain());
  Object.defineProperty(epoch, 'sent', { value: 2 ** 32 });
  assert.throws(() => new RekeyingTransport(epoch).encrypt(TEXT), { code: 'nonce_exhausted' });
  say(initiator, responder);
});

test('after close nothing is sealed or opened', () => {
  const { initiator, responder } = session();
  const { ciphertext } = initiator.encrypt(TEXT);
  for (const end of [initiator, responder]) end.close();
  assert.throws(() => initiator.encrypt(TEXT), { code: 'closed' });
  assert.throws(() => responder.decrypt(ciphertext), refusal);
});

test('an epoch is followed by one', () => {
  const suite = { primitives: node, cipher: 'AESGCM' } as const;
  const epoch = new Epoch({ suite, role: 'initiator' }, 0, [
    new Uint8Array(32),
    new Uint8Array(32),
    new Uint8Array(32),
  ]);
  epoch.next(TEXT);
  assert.throws(() => epoch.next(TEXT), { code: 'handler_reused' });
});

test('the keys are those that the construction says', () => {
  const filled = (byte: number): Bytes => new Uint8Array(32).fill(byte);
  const [i, r] = [filled(0x11), filled(0x22)];
  const end = (role: 'initiator' | 'responder'): RekeyingTransport => {
    const primitives = withEphemeral(node, role === 'initiator' ? i : r);
    const suite = { primitives, cipher: 'AESGCM' } as const;
    return new RekeyingTransport(new Epoch({ suite, role }, 0, [filled(1), filled(2), filled(3)]));
  };
  const [initiator, responder] = [end('initiator'), end('responder')];
  rekey(responder, initiator); // who asks does not matter
  const { x25519 } = node;
  const [iPublic, rPublic] = [i, r].map((raw) => x25519.publicKey(x25519.importPrivate(raw)));
  const agreed = x25519.agree(x25519.importPrivate(i), x25519.importPublic(rPublic ?? EMPTY));
  const input = concat(agreed, iPublic ?? EMPTY, rPublic ?? EMPTY);
  const keys = new Uint8Array(hkdfSync('sha256', input, filled(3), EMPTY, 96));
  for (const [from, key] of [
    [initiator, keys.slice(0, 32)],
    [responder, keys.slice(32, 64)],
  ] as const) {
    const { nonce, ciphertext } = from.encrypt(TEXT);
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setBigUint64(4, nonce);
    assert.equal(encodeHex(node.aesGcm.open(key, bytes, EMPTY, ciphertext) ?? EMPTY), encodeHex(TEXT));
  }
});

for (const primitives of [node, web]) {
  describe(`forward secrecy, ${primitives.name}`, () => {
    test('with every byte that is left after a rekey, nothing from before it opens', () => {
      const { watched, seen, agreed } = recording(primitives);
      const { initiator, responder } = session(watched);
      const recorded: SealedMessage[] = [];
      const talk = (): void => {
        for (const [from, to] of [
          [initiator, responder],
          [responder, initiator],
        ] as const) {
          const sealed = from.encrypt(TEXT);
          assert.deepEqual(to.decrypt(sealed.ciphertext), TEXT);
          recorded.push(sealed);
        }
      };
      talk();
      assert.deepEqual(
        opened(primitives, keysIn(primitives, seen), recorded),
        recorded,
        'the thief knows how to',
      );
      rekey(initiator, responder);
      assert.deepEqual(opened(primitives, keysIn(primitives, seen), recorded), []);
      talk();
      rekey(responder, initiator);
      const last = recorded.length;
      talk();
      assert.deepEqual(opened(primitives, keysIn(primitives, seen), recorded), recorded.slice(last));
      assert.equal(agreed.size, 6, 'two ends, a handshake and two rekeys');
      assert.ok(areOverwritten(agreed));
    });

    test('the old sending key is gone as soon as an end has switched', () => {
      const ends = handshake('Noise_NNpsk0_25519_AESGCM_SHA256', primitives);
      finish(ends);
      const [ours, theirs] = [ends.initiator.split(), ends.responder.split()];
      const [initiator, responder] = [new RekeyingTransport(ours), new RekeyingTransport(theirs)];
      initiator.receive(responder.receive(initiator.ask() ?? assert.fail()) ?? assert.fail());
      assert.throws(() => ours.sending.encryptWithAd(EMPTY, TEXT), { code: 'closed' });
      theirs.sending.encryptWithAd(EMPTY, TEXT); // not before it has
      open(responder, initiator.encrypt(TEXT));
      assert.throws(() => theirs.sending.encryptWithAd(EMPTY, TEXT), { code: 'closed' });
    });

    test('a handshake that failed keeps no key', () => {
      const { watched, keys, agreed } = recording(primitives);
      const options = handshakeOptions('Noise_IK_25519_AESGCM_SHA256', primitives);
      const message = new HandshakeState(options.initiator).writeMessage(TEXT);
      message[message.length - 1] = (message.at(-1) ?? 0) ^ 1;
      const responder = new HandshakeState({ ...options.responder, primitives: watched });
      assert.throws(() => responder.readMessage(message), refusal);
      assert.equal(keys.size, 2, 'for the static key and the payload');
      assert.ok(areOverwritten(keys) && areOverwritten(agreed));
    });

    test('where messages overtake each other, as soon as the old keys are dropped', () => {
      const { watched, seen } = recording(primitives);
      const { initiator, responder } = session(watched);
      const late = initiator.encrypt(TEXT);
      const answer = responder.receive(initiator.ask() ?? assert.fail());
      initiator.receive(answer ?? assert.fail());
      open(responder, initiator.encrypt(TEXT));
      open(initiator, responder.encrypt(TEXT));
      assert.deepEqual(opened(primitives, keysIn(primitives, seen), [late]), [late], 'it may still arrive');
      assert.deepEqual([initiator.dropPrevious(), responder.dropPrevious()], [true, true]);
      assert.deepEqual(opened(primitives, keysIn(primitives, seen), [late]), []);
    });

    test('the private keys of handshakes and rekeys are let go', async () => {
      const refs: WeakRef<object>[] = [];
      const generate: typeof primitives.x25519.generate = () => {
        const pair = primitives.x25519.generate();
        refs.push(new WeakRef(pair.privateKey));
        return pair;
      };
      const ends = handshake('Noise_XX_25519_AESGCM_SHA256', {
        ...primitives,
        x25519: { ...primitives.x25519, generate },
      });
      finish(ends);
      const initiator = new RekeyingTransport(ends.initiator.split());
      const responder = new RekeyingTransport(ends.responder.split());
      rekey(initiator, responder);
      assert.equal(refs.length, 4);
      await setImmediate(); // what was looked at in this turn stays for its length
      collectGarbage();
      assert.deepEqual(
        refs.filter((each) => each.deref() !== undefined),
        [],
      );
      say(initiator, responder);
      assert.ok(
        ends.initiator.isFinished && ends.responder.isFinished,
        'the handshakes themselves are still held',
      );
    });
  });
}
