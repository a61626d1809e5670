/** Sessions under random cuts: nothing is lost, nothing doubled; the outbox against one that forgets nothing. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { createApp } from '../../src/app/app.ts';
import { concatAll } from '../../src/bytes/bytes.ts';
import { SottoError } from '../../src/errors.ts';
import { compressed } from '../../src/session/compression.ts';
import { Inflow, Outflow } from '../../src/session/flow.ts';
import { Outbox } from '../../src/session/outbox.ts';
import { Rooms } from '../../src/session/rooms.ts';
import { encodeRoutedRequest } from '../../src/wire/routed.ts';
import { encodeCompressed, KEPT_HEAD_SIZE, type KeptMessage, MAX_CONTENT } from '../../src/wire/session.ts';
import { TestLink, testEnd } from '../support/conversations.ts';
import { mulberry32 } from '../support/lossy-proxy.ts';

describe('the outbox, against one that forgets nothing', () => {
  test('numbers, keeps, confirms and gives again', () => {
    const action = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ add: fc.constantFrom(0, 1, 100, MAX_CONTENT, MAX_CONTENT + 1, 200_000) }),
      },
      fc.record({ confirm: fc.nat({ max: 30 }) }),
      fc.record({ after: fc.nat({ max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const outbox = new Outbox();
        const all: KeptMessage[] = [];
        let confirmed = 0;
        for (const each of actions) {
          if ('add' in each) {
            const content = new Uint8Array(each.add).fill(all.length);
            const parts = outbox.add('data', 1, content);
            assert.deepEqual(concatAll(parts.map((part) => part.content)), content);
            assert.deepEqual(
              parts.map(({ more }) => more),
              parts.map((_, at) => at < parts.length - 1),
            );
            all.push(...parts);
          } else if ('confirm' in each) {
            if (each.confirm > all.length) assert.throws(() => outbox.confirm(each.confirm), SottoError);
            else outbox.confirm(each.confirm);
            if (each.confirm <= all.length) confirmed = Math.max(confirmed, each.confirm);
          } else if (each.after < confirmed || each.after > all.length) {
            assert.throws(() => outbox.after(each.after), SottoError);
          } else {
            assert.deepEqual(outbox.after(each.after), all.slice(each.after));
            confirmed = each.after;
          }
          const kept = all.slice(confirmed);
          assert.equal(outbox.isEmpty, kept.length === 0);
          assert.equal(
            outbox.bytes,
            kept.reduce((size, { content }) => size + KEPT_HEAD_SIZE + content.length, 0),
          );
        }
        assert.deepEqual(
          all.map(({ number }) => number),
          all.map((_, at) => at),
        );
      }),
    );
  });
});

test('a flow brings every value once, in order, never more than allowed, whatever each costs', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 200 }),
      fc.option(fc.nat({ max: 100 }), { nil: null }),
      fc.nat(),
      async (costs, leaveAfter, seed) => {
        const random = mulberry32(seed);
        let left = false;
        async function* source(): AsyncGenerator<number> {
          try {
            for (const at of costs.keys()) yield at;
          } finally {
            left = true;
          }
        }
        const outflow = new Outflow(source());
        const inflow = new Inflow<number>(
          (credit) => outflow.allow(credit),
          () => outflow.stop(),
        );
        const poured = outflow.run(async (value) => {
          const cost = costs[value as number] ?? 1;
          inflow.push(value as number, cost); // throws for more than was allowed
          if (random() < 0.1) await setImmediate();
          return cost;
        });
        void poured.then((isWhole) => isWhole && inflow.finish());
        const values: number[] = [];
        for await (const value of inflow) {
          if (leaveAfter !== null && values.length === leaveAfter) break;
          values.push(value);
          if (random() < 0.1) await setImmediate();
        }
        assert.deepEqual(values, [...costs.keys()].slice(0, leaveAfter ?? costs.length));
        const isWhole = await poured;
        if (leaveAfter === null) assert.ok(isWhole);
        await setImmediate();
        assert.ok(left || costs.length === 0 || !isWhole);
      },
    ),
    { numRuns: 100 },
  );
});

test('rooms, against a set of pairs', () => {
  const action = fc.record({
    do: fc.constantFrom('join', 'join', 'leave', 'leaveAll'),
    member: fc.constantFrom('a', 'b', 'c'),
    room: fc.constantFrom('x', 'y', '__proto__'),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 50 }), (actions) => {
      const [model, told] = [new Set<string>(), new Set<string>()];
      const rooms = new Rooms<string>((room, member, isIn) => {
        const pair = `${member} ${room}`;
        assert.notEqual(told.has(pair), isIn, 'each change is told once');
        if (isIn) told.add(pair);
        else told.delete(pair);
      });
      for (const { do: what, member, room } of actions) {
        if (what === 'join') {
          rooms.join(member, room);
          model.add(`${member} ${room}`);
        } else if (what === 'leave') {
          rooms.leave(member, room);
          model.delete(`${member} ${room}`);
        } else {
          rooms.leaveAll(member);
          for (const pair of model) if (pair.startsWith(`${member} `)) model.delete(pair);
        }
        assert.deepEqual(told, model);
        const pairs = rooms.names.flatMap((name) => rooms.members(name).map((each) => `${each} ${name}`));
        assert.deepEqual(new Set(pairs), model);
        assert.deepEqual(
          new Set(rooms.of(member).map((name) => `${member} ${name}`)),
          new Set([...model].filter((pair) => pair.startsWith(`${member} `))),
        );
      }
    }),
  );
});

test('whatever comes compressed, nothing is thrown, and nobody waits for what will not come', async () => {
  const frame = fc.uint8Array({ minLength: 256, maxLength: 1000 }).map((body) => {
    const question = { route: '/x', once: false, oneWay: false, sentAt: 0, representation: 'b' } as const;
    const plain = encodeRoutedRequest({ ...question, body: body.fill(0, 100) });
    return compressed(plain) ?? assert.fail();
  });
  const altered = fc.tuple(frame, fc.nat(), fc.nat({ max: 255 })).map(([bytes, at, value]) => {
    return bytes.with(at % bytes.length, value);
  });
  const short = fc
    .tuple(fc.nat({ max: 2000 }), fc.uint8Array({ maxLength: 100 }))
    .map(([length, bytes]) =>
      encodeCompressed(length, concatAll([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd), bytes])),
    );
  const content = fc.oneof(fc.uint8Array({ maxLength: 100 }), altered, short, frame);
  const kind = fc.constantFrom('data', 'item', 'once', 'open');
  await fc.assert(
    fc.asyncProperty(kind, content, fc.boolean(), async (which, bytes, isOurs) => {
      const { conversation, broken } = testEnd('client', { maxMessage: 2000 });
      const answer = conversation.request('/x', 1).then(
        () => 'answered',
        () => 'failed',
      );
      const stream = isOurs ? 1 : 2;
      conversation.take({ kind: which, stream, number: 0, more: false, compressed: true, content: bytes });
      const state = await Promise.race([answer, setImmediate('waits')]);
      if (broken.length > 0) assert.equal(state, isOurs ? 'failed' : 'waits');
      conversation.end(new SottoError('closed', 'over'));
      await answer;
    }),
    { numRuns: 2000 },
  );
});

describe('two ends whose connection is cut at random', () => {
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

  test('answer every question once, push in order, stream whole, both ways', async () => {
    let [cuts, compressed] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.double({ min: 0, max: 0.3, noNaN: true }),
        fc.boolean(),
        async (seed, likely, isTight) => {
          const random = mulberry32(seed);
          const size = (): number => (random() < 0.05 ? 100_000 : Math.floor(random() * 500));
          const ends = ['client', 'server'].map(() => {
            const asked: number[] = [];
            const told: number[] = [];
            const app = createApp()
              .on('/ask', async (ctx) => {
                const { number, filler } = ctx.body as { number: number; filler: string };
                asked.push(number);
                if (random() < 0.3) await setImmediate();
                ctx.reply.compress = random() < 0.5;
                return { number, filler };
              })
              .on('/tell', (ctx) => void told.push(ctx.body as number))
              .on('/stream', async function* (ctx) {
                for await (const value of ctx.body as AsyncIterable<number>) yield value;
              });
            return { app, asked, told };
          });
          const [client, server] = ends;
          if (!client || !server) return assert.fail();
          const limits = isTight ? { maxOutbox: 20_000 } : { maxOutbox: 10_000_000 };
          const link = TestLink.connected({ app: client.app, ...limits }, { app: server.app, ...limits });
          const skipped = { client: 0, server: 0 };
          const work = (['client', 'server'] as const).map(async (name) => {
            const { conversation } = link[name];
            const other = name === 'client' ? 'server' : 'client';
            const questions = upTo(40).map(async (number) => {
              const filler = 'x'.repeat(size());
              assert.deepEqual(
                await conversation.request('/ask', { number, filler }, { compress: random() < 0.5 }),
                { number, filler },
              );
            });
            const pushes = (async () => {
              for (const number of upTo(300)) {
                if (!conversation.push('/tell', number)) skipped[other] += 1;
                if (random() < 0.05) await setImmediate();
              }
            })();
            const streams = upTo(3).map(async () => {
              async function* source(): AsyncGenerator<number> {
                yield* upTo(100);
              }
              const values: unknown[] = [];
              for await (const value of conversation.stream('/stream', source(), { compress: true }))
                values.push(value);
              assert.deepEqual(values, upTo(100));
            });
            await Promise.all([...questions, pushes, ...streams]);
            await conversation.settled(60_000);
          });
          await link.troubled(random, likely, Promise.all(work));
          cuts += link.cuts;
          compressed += link.compressed;
          for (const name of ['client', 'server'] as const) {
            const end: { readonly asked: number[]; readonly told: number[] } =
              name === 'client' ? client : server;
            const [asked, told]: [number[], number[]] = [end.asked, end.told];
            assert.deepEqual(
              asked.toSorted((a, b) => a - b),
              upTo(40),
              'handled once',
            );
            assert.deepEqual(
              told,
              told.toSorted((a, b) => a - b),
              'in order',
            );
            assert.equal(new Set(told).size, told.length, 'none doubled');
            assert.equal(told.length + skipped[name], 300, 'none lost that was not refused');
            assert.equal(link[name].skipped, skipped[name], 'what was refused is told');
            assert.deepEqual(link[name].broken, []);
            assert.equal(link[name].conversation.unconfirmed, 0);
          }
          if (!isTight) assert.deepEqual(skipped, { client: 0, server: 0 });
        },
      ),
      { numRuns: 50 },
    );
    assert.ok(cuts > 100, `only ${cuts} cuts`);
    assert.ok(compressed > 1000, `only ${compressed} compressed`);
  });
});
