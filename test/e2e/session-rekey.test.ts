/** Fresh keys while a session goes on: by either side, by count, by time, both at once; none of it loses a message. */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Bytes } from '../../src/bytes/bytes.ts';
import type { SealedMessage } from '../../src/envelope/rekey.ts';
import { RekeyingTransport } from '../../src/envelope/rekey.ts';
import { Identity } from '../../src/keys/identity.ts';
import { noisePrimitives as primitives } from '../../src/platform/node/noise-crypto.ts';
import type { SessionClient } from '../../src/session/client.ts';
import type { SessionServer } from '../../src/session/server.ts';
import type { Session } from '../../src/session/session.ts';
import { until } from '../support/lookup.ts';
import { connected, echoing, eventsOf, SECRET, serving } from '../support/session.ts';
import { keysIn, opened, recording } from '../support/thief.ts';

/** The epochs that were answered for, by whichever end: a rekey is over when both ends seal under it. */
function rekeysSeen(t: TestContext): { count: number } {
  const seen = { count: 0 };
  const receive = RekeyingTransport.prototype.receive;
  t.mock.method(RekeyingTransport.prototype, 'receive', function (this: RekeyingTransport, message: never) {
    const answer = receive.call(this, message);
    if (answer) seen.count += 1;
    return answer;
  });
  return seen;
}

interface Ends {
  readonly server: SessionServer;
  readonly client: SessionClient;
  readonly session: Session;
  readonly told: { readonly client: number[]; readonly server: number[] };
}

async function talking(
  t: TestContext,
  rekeyAfter: { messages?: number; time?: number } = {},
  listen = 'ws://127.0.0.1:0',
): Promise<Ends> {
  const told = { client: [] as number[], server: [] as number[] };
  const app = echoing().on('/tell', (ctx) => void told.server.push(ctx.body as number));
  const server = await serving(t, app, { listen, rekeyAfter });
  const client = await connected(t, server, { rekeyAfter });
  client.on('/echo', (ctx) => ctx.body).on('/tell', (ctx) => void told.client.push(ctx.body as number));
  await client.request('/echo', 0);
  return { server, client, session: server.sessions[0] ?? assert.fail(), told };
}

/** Questions and pushes both ways, with `between` before each few. */
async function talk(
  { client, session, told }: Ends,
  count: number,
  between: (at: number) => void,
): Promise<void> {
  const [from, to] = [told.client.length, told.client.length + count];
  const answers: Promise<void>[] = [];
  for (let number = from; number < to; number++) {
    if (number % 10 === 0) {
      between(number);
      await setImmediate();
    }
    for (const end of [client, session]) {
      assert.ok(end.push('/tell', number));
      answers.push(end.request('/echo', number).then((answer) => assert.equal(answer, number)));
    }
  }
  await Promise.all(answers);
  await until(() => told.client.length === to && told.server.length === to);
  const all = Array.from({ length: to }, (_, number) => number);
  assert.deepEqual([told.client, told.server], [all, all]);
}

describe('a rekey loses nothing', () => {
  const ways: readonly (readonly [string, (ends: Ends, at: number) => void])[] = [
    ['by the client', ({ client }) => client.rekey()],
    ['by the server', ({ session }) => session.rekey()],
    [
      'by both at once, and again before it is over',
      ({ client, session }) => {
        for (const end of [client, session, client]) end.rekey();
      },
    ],
    ['by both in turn', ({ client, session }, at) => (at % 20 === 0 ? client : session).rekey()],
  ];
  for (const [name, rekey] of ways) {
    for (const scheme of ['ws', 'http'])
      test(`${name}, by ${scheme}`, async (t) => {
        const seen = rekeysSeen(t);
        const ends = await talking(t, {}, `${scheme}://127.0.0.1:0`);
        const events = eventsOf(ends.client);
        await talk(ends, 500, (at) => rekey(ends, at));
        assert.ok(seen.count >= 5, `${seen.count} rekeys`);
        assert.deepEqual(events.entries, [], 'the connection stayed');
      });
  }

  test('by count', async (t) => {
    const seen = rekeysSeen(t);
    const ends = await talking(t, { messages: 16 });
    const events = eventsOf(ends.client);
    await talk(ends, 300, () => {});
    assert.ok(seen.count >= 10, `${seen.count} rekeys`);
    const before = seen.count;
    await ends.client.request('/echo', 1);
    assert.ok(seen.count <= before + 2, 'a rekey is no reason for the next');
    assert.deepEqual(events.entries, []);
  });

  test('by time', async (t) => {
    const seen = rekeysSeen(t);
    const ends = await talking(t, { time: 20 });
    await talk(ends, 50, () => {});
    await until(() => seen.count >= 5); // though nothing is said
    await talk(ends, 50, () => {});
  });

  test('but a connection is needed: without one it does nothing', async (t) => {
    const ends = await talking(t);
    await ends.client.close();
    ends.client.rekey();
    await until(() => !ends.session.isConnected);
    ends.session.rekey();
  });

  test('options that would never rest are refused', async () => {
    const { SessionServer: Server } = await import('../../src/session/server.ts');
    for (const rekeyAfter of [{ messages: 15 }, { time: 9 }, { messages: Number.NaN }]) {
      const options = { listen: 'ws://127.0.0.1:0', secret: SECRET, rekeyAfter };
      await assert.rejects(Server.start(echoing(), options), { code: 'invalid_option' });
    }
  });
});

describe('forward secrecy', () => {
  for (const way of ['secret', 'key'] as const) {
    test(`with all bytes that went by, and all keys after a rekey, nothing of before opens: ${way}`, async (t) => {
      const { aesGcm, x25519 } = primitives;
      const untouched = { ...primitives, aesGcm: { ...aesGcm }, x25519: { ...x25519 } };
      const { watched, seen } = recording(untouched);
      const sent: (SealedMessage & { readonly plain: boolean })[] = [];
      t.mock.method(primitives, 'hkdfSha256', watched.hkdfSha256);
      t.mock.method(primitives.x25519, 'agree', watched.x25519.agree);
      t.mock.method(primitives.aesGcm, 'open', watched.aesGcm.open);
      t.mock.method(primitives.aesGcm, 'seal', (...args: Parameters<typeof watched.aesGcm.seal>) => {
        const sealed = watched.aesGcm.seal(...args);
        const [, nonce, associated, , into] = args;
        const at = new DataView(nonce.buffer, nonce.byteOffset).getBigUint64(4);
        // The handshake's own are sealed with associated data; a session's messages have none.
        sent.push({ nonce: at, ciphertext: new Uint8Array(into), plain: associated.length === 0 });
        return sealed;
      });
      const identity = Identity.generate();
      const server = await serving(t, echoing(), way === 'key' ? { identity } : {});
      const client = await connected(
        t,
        server,
        way === 'key' ? { serverKey: identity.publicKey, identity: Identity.generate() } : {},
      );
      const secrets = [SECRET, identity.privateKey];
      const openable = (messages: readonly SealedMessage[]): SealedMessage[] =>
        opened(untouched, keysIn(untouched, new Set<Bytes>([...seen, ...secrets])), messages);
      const recorded = (): SealedMessage[] => sent.filter(({ plain }) => plain);
      for (let number = 0; number < 5; number++) await client.request('/echo', 'before');
      const before = recorded();
      assert.ok(before.length >= 10);
      assert.deepEqual(openable(before), before, 'the thief knows how to');
      const rekeys = rekeysSeen(t);
      client.rekey();
      await until(() => rekeys.count === 1);
      for (let number = 0; number < 5; number++) await client.request('/echo', 'after');
      const after = recorded().slice(-4);
      assert.deepEqual(openable(before), [], 'nothing of what was said before');
      assert.deepEqual(openable(after), after, 'but what is said now');
    });
  }
});
