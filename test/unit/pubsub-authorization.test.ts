/** Authorization of publish and subscribe: the vectors' verdicts, replays, permissions, files. */

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { type Authorized, type Authorizer, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import {
  authFromFile,
  hmacAuth,
  tokenAuth,
  writeSecretsFiles,
} from '../../src/pubsub/authorization/config.ts';
import { newSecret } from '../../src/pubsub/authorization/hmac.ts';
import { PermissionCheck } from '../../src/pubsub/authorization/permissions.ts';
import {
  MemoryReplayStore,
  type ReplayStore,
  SqliteReplayStore,
} from '../../src/pubsub/authorization/replay-store.ts';
import { globMatches } from '../../src/pubsub/topics/glob.ts';
import { vectorsOf } from '../support/lonelyps-vectors.ts';

interface Vector {
  readonly kind: string;
  readonly name: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly secret: string;
  readonly side: 'to-broadcaster' | 'to-subscriber';
  readonly token: string;
  readonly now: string;
  readonly authorization: string | null;
  readonly result: string;
  readonly results: readonly string[];
}

const folder = mkdtempSync(join(tmpdir(), 'sotto-auth-'));
after(() => rmSync(folder, { recursive: true }));

const NO_BYTES = new Uint8Array(0);

/** The verdict alone. */
async function judge(authorizer: Authorizer, header: string | null, authorized: Authorized): Promise<string> {
  const judgement = await authorizer.verify(header, authorized);
  return typeof judgement === 'string' ? judgement : judgement.verdict;
}

function notifyOf({ fields }: Pick<Vector, 'fields'>): Authorized {
  const { topic = '', identifier = '', message_sha512 = '', tracing = '' } = fields;
  return {
    tracing: decodeHex(tracing),
    operation: {
      kind: 'notify',
      topic: decodeHex(topic),
      identifier: decodeHex(identifier),
      sha512: decodeHex(message_sha512),
    },
  };
}

/** What the Python raises is a refusal here. */
function verdictOf(result: string): string {
  return result.startsWith('raises') ? 'forbidden' : result.toLowerCase();
}

describe('HMAC', () => {
  for (const vector of vectorsOf<Vector>('auth-hmac-verify')) {
    test(vector.name, async () => {
      const now = (): number => 1000 * Number(vector.now);
      const { toBroadcaster } = hmacAuth({ toBroadcaster: vector.secret, now });
      assert.equal(
        await judge(toBroadcaster, vector.authorization, notifyOf(vector)),
        verdictOf(vector.result),
      );
    });
  }

  const stores: Readonly<Record<string, () => ReplayStore>> = {
    'in memory': () => new MemoryReplayStore(),
    'in SQLite': () => new SqliteReplayStore(join(folder, 'hmacs.db')),
  };
  for (const [where, makeStore] of Object.entries(stores)) {
    test(`the same header twice, remembered ${where}`, async () => {
      const [good] = vectorsOf<Vector>('auth-hmac-verify');
      const [replay] = vectorsOf<Vector>('auth-hmac-replay');
      assert.ok(good && replay);
      const replays = makeStore();
      const { toBroadcaster } = hmacAuth({
        toBroadcaster: good.secret,
        replays,
        now: () => 1000 * Number(good.now),
      });
      for (const result of replay.results) {
        assert.equal(await judge(toBroadcaster, replay.authorization, notifyOf(good)), verdictOf(result));
      }
      replays.close();
    });

    test(`what has expired may be forgotten, ${where}`, () => {
      const store = makeStore();
      const code = new Uint8Array(64).fill(9);
      assert.equal(store.remember(code, 1000, 1180), 'new');
      assert.equal(store.remember(code, 1180, 1360), 'seen');
      assert.equal(store.remember(code, 1400, 1580), 'new');
      store.close();
    });
  }

  test('what names a message of a connection is not remembered, as it is good once anyway; all else is', async () => {
    const { toBroadcaster } = hmacAuth({ toBroadcaster: newSecret(), replays: new MemoryReplayStore(0) });
    const verdict = async (operation: Authorized['operation']): Promise<string> => {
      const signed = { operation, tracing: NO_BYTES };
      return judge(toBroadcaster, await toBroadcaster.authorize(signed), signed);
    };
    const url = 'websocket:nonce:-1';
    const identifier = new Uint8Array(4);
    assert.equal(await verdict({ kind: 'confirm-receive', identifier, subscribers: 1, url }), 'ok');
    assert.equal(await verdict({ kind: 'subscribe-glob', url, recovery: null, glob: '*' }), 'ok');
    assert.equal(await verdict({ kind: 'serve', url: 'http://a/', connection: url }), 'ok');
    assert.equal(await verdict({ kind: 'serve', url, connection: 'http://a/' }), 'unavailable');
    assert.equal(await verdict({ kind: 'check', url: 'http://a/?websocket:' }), 'unavailable');
    const sha512 = new Uint8Array(64);
    assert.equal(await verdict({ kind: 'notify', topic: identifier, identifier, sha512 }), 'unavailable');
  });

  test('what cannot be remembered is not believed', async () => {
    const secret = newSecret();
    const { toBroadcaster } = hmacAuth({ toBroadcaster: secret, replays: new MemoryReplayStore(1) });
    const check = { tracing: NO_BYTES, operation: { kind: 'check', url: 'http://a/' } } as const;
    const headers = [await toBroadcaster.authorize(check), await toBroadcaster.authorize(check)];
    assert.equal(await judge(toBroadcaster, headers[0] ?? null, check), 'ok');
    assert.equal(await judge(toBroadcaster, headers[1] ?? null, check), 'unavailable');
    const broken: ReplayStore = { remember: () => Promise.reject(new Error('no disk')), close() {} };
    const other = hmacAuth({ toBroadcaster: secret, replays: broken }).toBroadcaster;
    assert.equal(await judge(other, await other.authorize(check), check), 'unavailable');
  });

  test('a secret is changed without a pause', async () => {
    const [old, fresh] = [newSecret(), newSecret()];
    const check = { tracing: NO_BYTES, operation: { kind: 'check', url: 'http://a/' } } as const;
    const both = hmacAuth({ toBroadcaster: [{ secret: fresh }, { secret: old }] }).toBroadcaster;
    for (const secret of [old, fresh]) {
      const one = hmacAuth({ toBroadcaster: secret }).toBroadcaster;
      assert.equal(await judge(both, await one.authorize(check), check), 'ok');
    }
    const onlyOld = hmacAuth({ toBroadcaster: old }).toBroadcaster;
    assert.equal(await judge(onlyOld, await both.authorize(check), check), 'forbidden');
  });

  test('nothing that is signed can be changed', async () => {
    const { toBroadcaster } = hmacAuth({ toBroadcaster: newSecret() });
    const signed = {
      tracing: encodeUtf8('t'),
      operation: { kind: 'subscribe-exact', url: 'http://a/', recovery: null, topic: encodeUtf8('x') },
    } as const;
    const others: readonly Authorized[] = [
      { ...signed, tracing: NO_BYTES },
      { ...signed, operation: { ...signed.operation, url: 'http://b/' } },
      { ...signed, operation: { ...signed.operation, recovery: 'http://a/' } },
      { ...signed, operation: { ...signed.operation, topic: encodeUtf8('y') } },
      { ...signed, operation: { ...signed.operation, kind: 'confirm-exact' } },
    ];
    for (const other of others) {
      assert.equal(await judge(toBroadcaster, await toBroadcaster.authorize(signed), other), 'forbidden');
    }
    assert.equal(await judge(toBroadcaster, await toBroadcaster.authorize(signed), signed), 'ok');
  });

  test('a secret that is none is refused, and never shown', () => {
    for (const secret of ['', 'short', `${newSecret()}AA`, '!'.repeat(86)]) {
      assert.throws(
        () => hmacAuth({ toBroadcaster: secret }),
        (error: Error & { code?: string }) =>
          error.code === 'invalid_key' && (secret === '' || !error.message.includes(secret)),
      );
    }
  });
});

describe('tokens', () => {
  for (const { name, side, token, authorization, result } of vectorsOf<Vector>('auth-token-verify')) {
    test(name, async () => {
      const config = tokenAuth(
        side === 'to-broadcaster' ? { toBroadcaster: token } : { toSubscriber: token },
      );
      const authorizer = side === 'to-broadcaster' ? config.toBroadcaster : config.toSubscriber;
      const check = { tracing: NO_BYTES, operation: { kind: 'check', url: '' } } as const;
      assert.equal(await judge(authorizer, authorization, check), verdictOf(result));
    });
  }

  test('a token that no header can hold is refused', () => {
    for (const token of ['', 'é', 'a\nb', ' a']) {
      assert.throws(() => tokenAuth({ toBroadcaster: token }), { code: 'invalid_option' });
    }
  });

  test('each with what it may do', async () => {
    const { toBroadcaster } = tokenAuth({
      toBroadcaster: [
        { token: 'reader', publish: [], subscribe: ['news/*'] },
        { token: 'writer', publish: ['news/*'], subscribe: [] },
      ],
    });
    const notify = notifyOf({ fields: { topic: Buffer.from('news/today').toString('hex') } });
    const subscribe: Authorized = {
      tracing: NO_BYTES,
      operation: { kind: 'subscribe-glob', url: 'u', recovery: null, glob: 'news/t*' },
    };
    assert.equal(await judge(toBroadcaster, 'Bearer writer', notify), 'ok');
    assert.equal(await judge(toBroadcaster, 'Bearer reader', notify), 'forbidden');
    assert.equal(await judge(toBroadcaster, 'Bearer reader', subscribe), 'ok');
    assert.equal(await judge(toBroadcaster, 'Bearer writer', subscribe), 'forbidden');
  });
});

test('nothing needed, nothing asked', async () => {
  const { toBroadcaster, toSubscriber } = noneAuth();
  const check = { tracing: NO_BYTES, operation: { kind: 'check', url: '' } } as const;
  for (const authorizer of [toBroadcaster, toSubscriber]) {
    assert.equal(await authorizer.authorize(check), null);
    assert.equal(await judge(authorizer, 'anything', check), 'ok');
  }
});

test('a glob is allowed only where every topic of it is', () => {
  const piece = fc.constantFrom('a', 'b', '/', '*', '?', '[ab]', '[^a]', ']');
  const starred = fc
    .array(fc.constantFrom('a', 'b', '/', '*', ']'), { maxLength: 5 })
    .map((parts) => parts.join(''));
  const asked = fc.array(piece, { maxLength: 5 }).map((parts) => parts.join(''));
  const topic = fc
    .array(fc.constantFrom('a', 'b', '/', ']', 'c'), { maxLength: 6 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(
      starred,
      asked,
      fc.array(topic, { minLength: 20, maxLength: 20 }),
      (allowed, glob, topics) => {
        const check = new PermissionCheck({ subscribe: [allowed] });
        if (!check.maySubscribe({ kind: 'glob', glob })) return;
        for (const each of topics.map(encodeUtf8).filter((bytes) => globMatches(glob, bytes))) {
          assert.ok(check.maySubscribe({ kind: 'exact', topic: each }), `${allowed} allows ${glob}`);
        }
      },
    ),
    { numRuns: 5000 },
  );
  const check = new PermissionCheck({ subscribe: ['foo/*'] });
  assert.ok(check.maySubscribe({ kind: 'glob', glob: 'foo/*' }));
  assert.ok(check.maySubscribe({ kind: 'glob', glob: 'foo/bar/[ab]?' }));
  assert.equal(check.maySubscribe({ kind: 'glob', glob: '*' }), false);
  assert.throws(() => new PermissionCheck({ publish: ['a?'] }), { code: 'invalid_option' });
});

describe('secrets files', () => {
  test('are made for both ends, for their owner alone, and read back', async () => {
    for (const type of ['hmac', 'token'] as const) {
      const place = mkdtempSync(join(folder, 'setup-'));
      const paths = await writeSecretsFiles(place, type);
      for (const path of paths) assert.equal(statSync(path).mode & 0o777, 0o600);
      const [broadcaster, subscriber] = await Promise.all(paths.map((path) => authFromFile(path)));
      assert.ok(broadcaster && subscriber);
      const check = { tracing: NO_BYTES, operation: { kind: 'check', url: 'u' } } as const;
      const header = await subscriber.toBroadcaster.authorize(check);
      assert.match(header ?? '', type === 'hmac' ? /^X-HMAC / : /^Bearer /);
      assert.equal(await judge(broadcaster.toBroadcaster, header, check), 'ok');
      assert.equal(await judge(broadcaster.toSubscriber, header, check), 'forbidden');
      await assert.rejects(writeSecretsFiles(place, type), { code: 'key_file_exists' });
    }
  });

  test('a direction that is missing needs nothing', async () => {
    const path = join(folder, 'half.json');
    const secret = newSecret();
    const half = { version: '2', 'to-broadcaster': { type: 'hmac', secret } };
    writeFileSync(path, JSON.stringify(half), { mode: 0o600 });
    const { toSubscriber } = await authFromFile(path);
    const check = { tracing: NO_BYTES, operation: { kind: 'check', url: 'u' } } as const;
    assert.equal(await judge(toSubscriber, null, check), 'ok');
  });

  test('one secret follows another without a pause: both ends believe it before either sends it', async () => {
    const check = { tracing: NO_BYTES, operation: { kind: 'check', url: 'u' } } as const;
    for (const type of ['hmac', 'token'] as const) {
      const [old, next] = [newSecret(), newSecret()];
      const end = async (secret: string, also?: readonly string[]) => {
        const path = join(mkdtempSync(join(folder, 'rotation-')), 'secrets.json');
        const direction = { type, secret, ...(also === undefined ? {} : { also }) };
        writeFileSync(path, JSON.stringify({ version: '2', 'to-broadcaster': direction }), { mode: 0o600 });
        return (await authFromFile(path)).toBroadcaster;
      };
      const steps = [await end(old), await end(old, [next]), await end(next, [old]), await end(next)];
      const verdicts = await Promise.all(
        steps.map(async (sends) => {
          const header = await sends.authorize(check);
          return Promise.all(steps.map((hears) => judge(hears, header, check)));
        }),
      );
      const [ok, no] = ['ok', 'forbidden'];
      assert.deepEqual(verdicts, [
        [ok, ok, ok, no],
        [ok, ok, ok, no],
        [no, ok, ok, ok],
        [no, ok, ok, ok],
      ]);
    }
  });

  test('what is no secrets file is refused, and so is one that others can read', async () => {
    const path = join(folder, 'wrong.json');
    const wrong = [
      '',
      '[]',
      '{}',
      '{"version":"1"}',
      '{"version":"2","to-broadcaster":{"type":"rot13","secret":"x"}}',
      '{"version":"2","to-broadcaster":{"type":"token","secret":"x","also":"y"}}',
      '{"version":"2","to-broadcaster":{"type":"token","secret":"x","also":["a","b","c","d"]}}',
    ];
    for (const text of wrong) {
      writeFileSync(path, text, { mode: 0o600 });
      await assert.rejects(authFromFile(path), { code: 'key_file_invalid' });
    }
    chmodSync(path, 0o644);
    await assert.rejects(authFromFile(path), { code: 'key_file_exposed' });
  });
});
