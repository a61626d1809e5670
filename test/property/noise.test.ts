/** Noise under arbitrary bytes, transcripts, orders of arrival and moments of rekeying. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Bytes, EMPTY } from '../../src/bytes/bytes.ts';
import { encodeHex } from '../../src/bytes/text.ts';
import type { Role } from '../../src/envelope/noise.ts';
import type { RekeyMessage, SealedMessage } from '../../src/envelope/rekey.ts';
import { codeOf } from '../../src/errors.ts';
import { noisePrimitives as node } from '../../src/platform/node/noise-crypto.ts';
import {
  decodeRekey,
  encodeRekey,
  finish,
  handshake,
  otherEnd,
  PROTOCOLS,
  session,
} from '../support/noise.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const protocol = fc.constantFrom(...PROTOCOLS);

/** Whether it was refused in the one way that refusals go. */
function isRefused(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch (error) {
    assert.equal(codeOf(error), 'decrypt_failed', String(error));
    return true;
  }
}

describe('arbitrary bytes', () => {
  test('instead of any handshake message are refused, but where there is nothing to check yet', () => {
    fc.assert(
      fc.property(protocol, fc.nat({ max: 2 }), bytes, (name, at, junk) => {
        const { initiator, responder } = handshake(name);
        for (let message = 0; !(initiator.isFinished && responder.isFinished); message++) {
          const [writer, reader] = message % 2 === 0 ? [initiator, responder] : [responder, initiator];
          const refused = isRefused(() => reader.readMessage(message === at ? junk : writer.writeMessage()));
          if (message !== at) assert.equal(refused, false);
          else if (!name.includes('XX') || at > 0) assert.ok(refused);
          if (message === at) return;
        }
      }),
      { numRuns: 300 },
    );
  });

  test('instead of a message of a session are refused, and it goes on', () => {
    const { initiator, responder } = session();
    fc.assert(
      fc.property(bytes, fc.bigInt({ min: -1n, max: 2n ** 65n }), bytes, (junk, nonce, plaintext) => {
        assert.ok(isRefused(() => responder.decrypt(junk)));
        assert.ok(isRefused(() => responder.decryptAt(nonce, junk)));
        assert.deepEqual(responder.decrypt(initiator.encrypt(plaintext).ciphertext), plaintext);
      }),
      { numRuns: 500 },
    );
  });

  test('instead of a key are refused by a rekey, or taken for one', () => {
    const epoch = fc.oneof(fc.constantFrom(0, 1, 2), fc.nat());
    fc.assert(
      fc.property(fc.constantFrom('ask', 'answer'), epoch, bytes, (type, number, publicKey) => {
        const { initiator } = session();
        try {
          const answer = initiator.receive({ type, epoch: number, publicKey });
          assert.ok(type === 'ask' && number === 1 && publicKey.length === 32 && answer?.type === 'answer');
        } catch (error) {
          assert.equal(codeOf(error), 'invalid_message', String(error));
        }
      }),
      { numRuns: 200 },
    );
  });
});

test('any transcript round trips: payloads, then messages in turn', () => {
  const message = fc.tuple(fc.constantFrom<Role>('initiator', 'responder'), bytes);
  fc.assert(
    fc.property(protocol, bytes, fc.array(message, { maxLength: 20 }), (name, payload, messages) => {
      const ends = handshake(name);
      finish(ends, payload);
      assert.deepEqual(ends.initiator.handshakeHash, ends.responder.handshakeHash);
      const epochs = { initiator: ends.initiator.split(), responder: ends.responder.split() };
      for (const [role, plaintext] of messages) {
        const sealed = epochs[role].sending.encryptWithAd(payload, plaintext);
        assert.deepEqual(epochs[otherEnd(role)].receiving.decryptWithAd(payload, sealed), plaintext);
      }
    }),
    { numRuns: 200 },
  );
});

test('no two messages are sealed under one key and nonce, whatever else is asked for', () => {
  const used = new Set<string>();
  const seal: typeof node.aesGcm.seal = (key, nonce, ...rest) => {
    const name = `${encodeHex(key)} ${encodeHex(nonce)}`;
    assert.ok(!used.has(name));
    used.add(name);
    node.aesGcm.seal(key, nonce, ...rest);
  };
  const watched = { ...node, aesGcm: { ...node.aesGcm, seal } };
  const step = fc.constantFrom('encrypt', 'too much', 'receive junk', 'rekey');
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 40 }), (steps) => {
      const { initiator, responder } = session(watched);
      for (const [fromInitiator, what] of steps) {
        const [ours, theirs] = fromInitiator ? [initiator, responder] : [responder, initiator];
        if (what === 'encrypt') theirs.decrypt(ours.encrypt(EMPTY).ciphertext);
        else if (what === 'too much')
          assert.throws(() => ours.encrypt(new Uint8Array(65_520)), { code: 'frame_too_large' });
        else if (what === 'receive junk') isRefused(() => ours.decrypt(EMPTY));
        else {
          const answer = theirs.receive(ours.ask() ?? assert.fail('every rekey here is finished'));
          ours.receive(answer ?? assert.fail('an ask is answered'));
          theirs.decrypt(ours.encrypt(EMPTY).ciphertext);
          ours.decrypt(theirs.encrypt(EMPTY).ciphertext);
        }
      }
    }),
    { numRuns: 100 },
  );
});

/** A network between two ends of a session that loses nothing, but may keep things as long as it likes. */
class Network {
  readonly ends = session();
  readonly #ordered: boolean;
  readonly #onTheirWay: Record<Role, { sealed: SealedMessage; plaintext: Bytes; epoch: number }[]> = {
    initiator: [],
    responder: [],
  };
  #next = 0;

  constructor(ordered: boolean) {
    this.#ordered = ordered;
  }

  say(from: Role): void {
    this.#next += 1;
    this.#send(from, Uint8Array.of(0, ...new Uint8Array(new Uint32Array([this.#next]).buffer)));
  }

  ask(from: Role): void {
    this.#tell(from, this.ends[from].ask());
  }

  /** Delivers one of what is on its way, which must open to what was sent. */
  deliver(from: Role, choice: number): void {
    const queue = this.#onTheirWay[from];
    const [message] = queue.splice(this.#ordered ? 0 : choice % Math.max(queue.length, 1), 1);
    if (!message) return;
    const to = this.ends[otherEnd(from)];
    const { sealed, plaintext } = message;
    const open = (): Bytes =>
      this.#ordered ? to.decrypt(sealed.ciphertext) : to.decryptAt(sealed.nonce, sealed.ciphertext);
    assert.deepEqual(open(), plaintext);
    assert.ok(isRefused(open), 'each opens once');
    if (plaintext[0] !== 0) this.#tell(otherEnd(from), to.receive(decodeRekey(plaintext)));
  }

  /** As a session does after a while: when nothing of an old epoch can be on its way any more. */
  drop(role: Role): void {
    const end = this.ends[role];
    const late = Object.values(this.#onTheirWay).some((queue) =>
      queue.some(({ epoch }) => epoch < end.epoch),
    );
    if (!late) end.dropPrevious();
  }

  deliverAll(): void {
    while (this.#onTheirWay.initiator.length + this.#onTheirWay.responder.length > 0) {
      this.deliver('initiator', 0);
      this.deliver('responder', 0);
    }
  }

  #tell(from: Role, message: RekeyMessage | null): void {
    if (message !== null) this.#send(from, encodeRekey(message));
  }

  #send(from: Role, plaintext: Bytes): void {
    const { epoch } = this.ends[from];
    this.#onTheirWay[from].push({ sealed: this.ends[from].encrypt(plaintext), plaintext, epoch });
  }
}

for (const ordered of [true, false]) {
  test(`rekeys by either end at any moment lose nothing, ${ordered ? 'in order' : 'in any order'}`, () => {
    const step = fc.record({
      what: fc.constantFrom('say', 'deliver', 'deliver', 'deliver', 'ask', 'drop'),
      role: fc.constantFrom<Role>('initiator', 'responder'),
      choice: fc.nat({ max: 20 }),
    });
    let rekeys = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), (steps) => {
        const network = new Network(ordered);
        for (const { what, role, choice } of steps) {
          if (what === 'say') network.say(role);
          else if (what === 'deliver') network.deliver(role, choice);
          else if (what === 'drop') network.drop(role);
          else network.ask(role);
        }
        network.deliverAll();
        for (const role of ['initiator', 'responder', 'initiator'] as const) {
          network.say(role);
          network.deliverAll();
        }
        const { initiator, responder } = network.ends;
        assert.equal(initiator.epoch, responder.epoch);
        rekeys += initiator.epoch;
      }),
      { numRuns: 200 },
    );
    assert.ok(rekeys > 200, `only ${rekeys} rekeys were tried`);
  });
}
