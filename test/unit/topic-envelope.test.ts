/** Sealed topics: who holds the secret reads, nothing altered or moved opens, and secrets stay in their files. */

import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { concat } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { TopicCipher } from '../../src/envelope/topic.ts';
import { SottoError } from '../../src/errors.ts';
import { Identity } from '../../src/keys/identity.ts';
import { TopicKeyring } from '../../src/keys/topic-keyring.ts';
import { primitives as node } from '../../src/platform/node/crypto.ts';
import type { Primitives } from '../../src/platform/types.ts';
import { primitives as web } from '../../src/platform/web/crypto.ts';
import {
  generateTopicSecret,
  sealedTopics,
  topicKeyring,
  topicKeyringFromFile,
} from '../../src/pubsub/sealed-topics.ts';
import { TOPIC_OVERHEAD } from '../../src/wire/topic.ts';

const ORDERS = encodeUtf8('orders/new');
const BODY = encodeUtf8('number 7');
const SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);
const TEXT = 'sotto-topic-secret:1a2b3c4d:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8';
const OLD = `sotto-topic-secret:00000001:${'_'.repeat(42)}8`;
const onPosix = { skip: process.platform === 'win32' };

// Made by Python's `cryptography`: HKDF(SHA256, 32, None, label + key id + topic), AESGCM.
const VECTORS = [
  {
    topic: ORDERS,
    body: BODY,
    sealed: '011a2b3c4da0a1a2a3a4a5a6a7a8a9aaabe44ec6505cd5c6e20af1aa8000212c0ed59a91b3e5ccd428',
  },
  {
    topic: encodeUtf8(`größe/€${'x'.repeat(2000)}`),
    body: new Uint8Array(0),
    sealed: '011a2b3c4da0a1a2a3a4a5a6a7a8a9aaab37927d2ef19bc1ffe8bef5fecc613e7e',
  },
];

function cipher(secrets: string | readonly string[] = TEXT, primitives: Primitives = node): TopicCipher {
  return new TopicCipher(TopicKeyring.from({ secrets }), primitives);
}

/** The one error that everything gets which does not open. */
function refusal(work: () => unknown): SottoError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof SottoError);
    return error;
  }
  return assert.fail('it opened');
}

/** The key as the specification has it, by node:crypto alone. */
function keyOf(secret: Uint8Array, keyId: number, topic: Uint8Array): Uint8Array {
  const info = Buffer.concat([Buffer.from('sotto/topic/1'), Buffer.alloc(4), topic]);
  info.writeUInt32BE(keyId, 13);
  return new Uint8Array(hkdfSync('sha256', secret, '', info, 32));
}

for (const primitives of [node, web]) {
  describe(`on ${primitives.name} primitives`, () => {
    test('known answers open', () => {
      for (const { topic, body, sealed } of VECTORS) {
        assert.deepEqual(cipher(TEXT, primitives).open(topic, decodeHex(sealed)), body);
      }
    });

    test('what is sealed is what node:crypto opens, and the other way round', () => {
      const sealed = cipher(TEXT, primitives).seal(ORDERS, BODY);
      assert.equal(sealed.length, BODY.length + TOPIC_OVERHEAD);
      assert.equal(encodeHex(sealed.subarray(0, 5)), '011a2b3c4d');
      const key = keyOf(SECRET, 0x1a2b3c4d, ORDERS);
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(5, 17), { authTagLength: 16 });
      decipher.setAAD(ORDERS).setAuthTag(sealed.subarray(-16));
      const opened = Buffer.concat([decipher.update(sealed.subarray(17, -16)), decipher.final()]);
      assert.equal(opened.toString(), 'number 7');

      const nonce = randomBytes(12);
      const theirs = createCipheriv('aes-256-gcm', key, nonce).setAAD(ORDERS);
      const parts = [
        decodeHex('011a2b3c4d'),
        nonce,
        theirs.update(BODY),
        theirs.final(),
        theirs.getAuthTag(),
      ];
      assert.deepEqual(cipher(TEXT, primitives).open(ORDERS, concat(...parts)), BODY);
    });

    test('the other back end opens it, whatever the size', () => {
      const other = primitives === node ? web : node;
      for (const size of [0, 1, 100_000]) {
        const body = new Uint8Array(size).fill(7);
        for (const topic of [new Uint8Array(0), ORDERS, new Uint8Array(65_535).fill(0xff)]) {
          const sealed = cipher(TEXT, primitives).seal(topic, body);
          assert.deepEqual(cipher(TEXT, other).open(topic, sealed), body);
        }
      }
    });

    test('every bit altered, every byte missing and one too many are refused alike', () => {
      const ours = cipher([TEXT, OLD], primitives);
      const sealed = ours.seal(ORDERS, BODY);
      const altered: Uint8Array[] = [concat(sealed, Uint8Array.of(0))];
      for (let length = 0; length < sealed.length; length++) altered.push(sealed.slice(0, length));
      for (let bit = 0; bit < 8 * sealed.length; bit++) {
        const copy = sealed.slice();
        copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        altered.push(copy);
      }
      const texts = new Set(
        altered.map((each) => {
          const { code, message, cause } = refusal(() => ours.open(ORDERS, each));
          assert.deepEqual([code, cause], ['decrypt_failed', undefined]);
          return message;
        }),
      );
      assert.equal(texts.size, 1);
      assert.deepEqual(ours.open(ORDERS, sealed), BODY);
    });
  });
}

describe('a message belongs to', () => {
  const same = { code: 'decrypt_failed' };

  test('its topic', () => {
    const sealed = cipher().seal(ORDERS, BODY);
    for (const topic of ['orders/ne', 'orders/new/', 'Orders/new', '']) {
      assert.throws(() => cipher().open(encodeUtf8(topic), sealed), same);
    }
  });

  test('its secret and its key id, also where both have the same secret', () => {
    const sealed = cipher().seal(ORDERS, BODY);
    assert.throws(() => cipher(OLD).open(ORDERS, sealed), same);
    assert.throws(() => cipher(TEXT.replace(':AAE', ':BAE')).open(ORDERS, sealed), same);
    const twins = cipher([TEXT, TEXT.replace('1a2b3c4d', '1a2b3c4e')]);
    const moved = sealed.slice();
    moved[4] = 0x4e;
    assert.deepEqual(twins.open(ORDERS, sealed), BODY);
    assert.throws(() => twins.open(ORDERS, moved), same);
  });

  test('nobody, where it was not sealed', () => {
    for (const plain of [BODY, new Uint8Array(0), new Uint8Array(100), encodeUtf8('x'.repeat(100))]) {
      assert.throws(() => cipher().open(ORDERS, plain), same);
    }
  });
});

describe('secrets change', () => {
  test('the new one seals, the old one opens until it is dropped', () => {
    const keyring = topicKeyring({ secrets: TEXT });
    const ours = new TopicCipher(keyring);
    const before = ours.seal(ORDERS, BODY);
    const next = keyring.rotate();
    assert.deepEqual(keyring.keyIds, [next, '1a2b3c4d']);
    const sealed = ours.seal(ORDERS, BODY);
    assert.equal(encodeHex(sealed.subarray(1, 5)), next);
    assert.deepEqual(ours.open(ORDERS, before), BODY);
    assert.equal(keyring.drop('1a2b3c4d'), true);
    assert.equal(keyring.drop('1a2b3c4d'), false);
    assert.throws(() => ours.open(ORDERS, before), { code: 'decrypt_failed' });
    assert.deepEqual(ours.open(ORDERS, sealed), BODY);
    assert.throws(() => keyring.drop(next), { code: 'invalid_argument' });
    assert.throws(() => keyring.drop('x'), { code: 'invalid_argument' });
  });

  test('subscribers first, publishers last: nothing is lost on the way', () => {
    const [publisher, subscriber] = [topicKeyring({ secrets: TEXT }), topicKeyring({ secrets: TEXT })];
    const hears = (): Uint8Array =>
      new TopicCipher(subscriber).open(ORDERS, new TopicCipher(publisher).seal(ORDERS, BODY));
    const next = generateTopicSecret();
    subscriber.add(next);
    assert.deepEqual(hears(), BODY);
    publisher.rotate(next);
    assert.deepEqual(hears(), BODY);
    subscriber.rotate(next);
    subscriber.drop('1a2b3c4d');
    assert.deepEqual(hears(), BODY);
    assert.equal(subscriber.keyIds.length, 1);
  });

  test('a key id that comes to stand for another secret opens nothing by what was remembered', () => {
    const keyring = topicKeyring({ secrets: [OLD, TEXT] });
    const ours = new TopicCipher(keyring);
    const sealed = cipher().seal(ORDERS, BODY);
    assert.deepEqual(ours.open(ORDERS, sealed), BODY);
    keyring.drop('1a2b3c4d');
    keyring.add(TEXT.replace(':AAE', ':BAE'));
    assert.throws(() => ours.open(ORDERS, sealed), { code: 'decrypt_failed' });
  });
});

test('no two nonces are the same', () => {
  const ours = cipher();
  const nonces = Array.from({ length: 5000 }, () => encodeHex(ours.seal(ORDERS, BODY).subarray(5, 17)));
  assert.equal(new Set(nonces).size, 5000);
});

test('keys are derived once a topic, not remembered for junk, and not without end', () => {
  let derived = 0;
  const counting: Primitives = {
    ...node,
    hkdfSha256: (...given) => {
      derived += 1;
      return node.hkdfSha256(...given);
    },
  };
  const ours = cipher(TEXT, counting);
  const topicAt = (index: number): Uint8Array => encodeUtf8(`orders/${index}`);
  const sealed = ours.seal(ORDERS, BODY);
  ours.seal(ORDERS, BODY);
  ours.open(ORDERS, sealed);
  assert.equal(derived, 1);
  for (let index = 0; index < 2000; index++) refusal(() => ours.open(topicAt(index), sealed));
  assert.equal(derived, 2001);
  ours.open(ORDERS, sealed);
  assert.equal(derived, 2001);
  for (let index = 0; index < 1023; index++) ours.seal(topicAt(index), BODY);
  ours.open(ORDERS, sealed);
  assert.equal(derived, 3024); // there still, and now the one used last
  for (let index = 0; index < 1024; index++) ours.seal(topicAt(5000 + index), BODY);
  ours.open(ORDERS, sealed);
  assert.equal(derived, 4049);
});

describe('secrets as text', () => {
  test('come back as they were', () => {
    const keyring = topicKeyring({ secrets: ` ${TEXT}\n` });
    assert.deepEqual(keyring.current, { keyId: 0x1a2b3c4d, secret: SECRET });
    assert.deepEqual(topicKeyring({ secrets: keyring.current }).current, keyring.current);
    const secrets = Array.from({ length: 20 }, generateTopicSecret);
    assert.equal(new Set(secrets).size, 20);
    for (const each of secrets) assert.match(each, /^sotto-topic-secret:[0-9a-f]{8}:[\w-]{43}$/);
    assert.equal(topicKeyring({ secrets }).keyIds.length, 20);
  });

  test('are a copy of the bytes that were given', () => {
    const secret = SECRET.slice();
    const keyring = topicKeyring({ secrets: { keyId: 1, secret } });
    secret.fill(0);
    assert.deepEqual(keyring.current.secret, SECRET);
  });

  test('are refused where they are none, without being repeated', () => {
    const wrong = [
      '',
      'orders',
      TEXT.slice(0, -1),
      `${TEXT}A`,
      TEXT.replace('1a2b', '1A2B'),
      TEXT.replace('1a2b3c4d', '1a2b3c4'),
      `${TEXT.slice(0, -1)}9`, // bits behind the last byte
      TEXT.replace('AAEC', 'AA+C'),
      Identity.generate().publicKey.toString(),
      { keyId: -1, secret: SECRET },
      { keyId: 2 ** 32, secret: SECRET },
      { keyId: 0.5, secret: SECRET },
      { keyId: 1, secret: SECRET.subarray(1) },
      null as never,
    ];
    for (const secrets of wrong) {
      const { code, message, cause } = refusal(() => topicKeyring({ secrets }));
      assert.deepEqual([code, cause], ['invalid_key', undefined]);
      assert.doesNotMatch(message, /AAEC|CAwQ/);
    }
  });

  test('stay out of sight', () => {
    const keyring = topicKeyring({ secrets: TEXT });
    for (const shown of [
      `${keyring}`,
      JSON.stringify(keyring),
      inspect(keyring, { showHidden: true, getters: true }),
    ]) {
      assert.match(shown, /1a2b3c4d/);
      assert.doesNotMatch(shown, /AAEC|Uint8Array|000102/);
    }
  });

  test('are bounded, and each has a key id of its own', () => {
    assert.throws(() => topicKeyring({ secrets: [] }), { code: 'invalid_option' });
    assert.throws(() => topicKeyring({ secrets: [TEXT, TEXT] }), {
      code: 'invalid_key',
      message: /1a2b3c4d/,
    });
    const keyring = topicKeyring({ secrets: Array.from({ length: 64 }, generateTopicSecret) });
    assert.throws(() => keyring.rotate(), { code: 'invalid_option', message: /64/ });
    assert.equal(keyring.keyIds.length, 64);
    keyring.drop(keyring.keyIds[63] ?? '');
    assert.equal(keyring.rotate(), keyring.keyIds[0]);
  });
});

describe('files', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sotto-topics-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('keep secrets, their order and the topics, for the owner alone', async () => {
    const file = join(folder, 'a', 'topics.key');
    const keyring = topicKeyring({ secrets: [TEXT, OLD], topics: ['orders/*', 'prices'] });
    await keyring.save(file);
    if (process.platform !== 'win32') assert.equal((await stat(file)).mode & 0o777, 0o600);
    const again = await topicKeyringFromFile(file);
    assert.deepEqual(again.toJSON(), { keyIds: ['1a2b3c4d', '00000001'], topics: ['orders/*', 'prices'] });
    assert.deepEqual(again.current, keyring.current);
    await assert.rejects(keyring.save(file), { code: 'key_file_exists' });
    keyring.rotate();
    await keyring.save(file, { overwrite: true });
    assert.deepEqual((await topicKeyringFromFile(file)).keyIds, keyring.keyIds);
  });

  test('that others can read are refused', onPosix, async () => {
    const file = join(folder, 'open.key');
    await topicKeyring({ secrets: TEXT }).save(file);
    await chmod(file, 0o640);
    await assert.rejects(topicKeyringFromFile(file), { code: 'key_file_exposed', message: /chmod 600/ });
  });

  test('that are missing say how they are made', async () => {
    const file = join(folder, 'none.key');
    await assert.rejects(topicKeyringFromFile(file), {
      code: 'key_file_missing',
      message: `${file} does not exist; make it with: sotto topic-key new ${file}`,
    });
  });

  test('of anything else say what is wrong, and no piece of it', async () => {
    const file = join(folder, 'wrong.key');
    await topicKeyring({ secrets: TEXT }).save(file);
    const good = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const contents = [
      TEXT,
      '[]',
      '7',
      'null',
      JSON.stringify({ ...good, sotto: 'identity' }),
      JSON.stringify({ ...good, version: 2 }),
      JSON.stringify({ ...good, more: 1 }),
      JSON.stringify({ ...good, topics: 'orders/*' }),
      JSON.stringify({ ...good, topics: [] }),
      JSON.stringify({ ...good, secrets: [] }),
      JSON.stringify({ ...good, secrets: [{ keyId: 1 }] }),
      JSON.stringify({ ...good, secrets: [`${TEXT}x`] }),
      JSON.stringify({ ...good, secrets: [TEXT, TEXT] }),
      '\ufffd',
    ];
    for (const content of contents) {
      await writeFile(file, content);
      await assert.rejects(topicKeyringFromFile(file), (error: SottoError) => {
        assert.equal(error.code, 'key_file_invalid', content);
        assert.ok(error.message.startsWith(`${file}: `), error.message);
        assert.doesNotMatch(error.message, /AAEC/);
        return true;
      });
    }
  });

  test('that could not be read again are not written', async () => {
    const topics = Array.from({ length: 256 }, (_, index) => `${index}${'x'.repeat(300)}`);
    await assert.rejects(topicKeyring({ secrets: TEXT, topics }).save(join(folder, 'large.key')), {
      code: 'key_file_invalid',
    });
  });
});

describe('which topics', () => {
  test('are sealed is for the globs to say; all by default', () => {
    const some = sealedTopics({
      keyring: topicKeyring({ secrets: TEXT, topics: ['orders/*', 'prices', 'orders/**'] }),
    });
    const covered = (topic: string): boolean => some.covers(encodeUtf8(topic));
    assert.deepEqual(['orders/new', 'prices', 'orders/'].map(covered), [true, true, true]);
    assert.deepEqual(['Orders/new', 'prices/1', 'news', ''].map(covered), [false, false, false, false]);
    const all = sealedTopics({ keyring: topicKeyring({ secrets: TEXT }) });
    for (const topic of [ORDERS, new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0xff, 0)]) {
      assert.equal(all.covers(topic), true);
    }
  });

  test('a glob that would leave everything in the clear is refused', () => {
    for (const topics of [['orders/*', '['], [''], [], Array(257).fill('x'), [7], 'orders/*']) {
      assert.throws(() => topicKeyring({ secrets: TEXT, topics: topics as string[] }), {
        code: 'invalid_option',
      });
    }
  });

  test('what does not open is null, whatever the reason', () => {
    const seal = sealedTopics({ keyring: topicKeyring({ secrets: TEXT }) });
    const sealed = seal.seal(ORDERS, BODY);
    assert.deepEqual(seal.open(ORDERS, sealed), BODY);
    assert.deepEqual(seal.open(ORDERS, seal.seal(ORDERS, new Uint8Array(0))), new Uint8Array(0));
    assert.equal(seal.open(encodeUtf8('other'), sealed), null);
    assert.equal(seal.open(ORDERS, cipher(OLD).seal(ORDERS, BODY)), null);
    assert.equal(seal.open(ORDERS, BODY), null);
  });

  test('bodies have a limit, both ways', () => {
    const keyring = topicKeyring({ secrets: TEXT });
    const small = sealedTopics({ keyring, maxBody: 8 });
    assert.equal(small.maxSealed, 8 + 33);
    assert.deepEqual(small.open(ORDERS, small.seal(ORDERS, BODY)), BODY);
    const longer = encodeUtf8('number 70');
    assert.throws(() => small.seal(ORDERS, longer), { code: 'body_too_large', message: /maxBody/ });
    assert.equal(small.open(ORDERS, sealedTopics({ keyring }).seal(ORDERS, longer)), null);
    assert.throws(() => sealedTopics({ keyring, maxBody: 2 ** 31 }), { code: 'invalid_option' });
  });
});
