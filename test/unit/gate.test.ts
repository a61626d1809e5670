/** The gate that deliveries pass: never more than may be, everybody in the end, in order, and by fair turns. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Gate, type GateLimits } from '../../src/pubsub/delivery/gate.ts';
import { LinkedList } from '../../src/pubsub/delivery/linked-list.ts';

/** Work that runs until it is told to end, and says in which order it began. */
class Works {
  readonly gate: Gate;
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();

  constructor(limits: Partial<GateLimits>) {
    this.gate = new Gate({ inAll: 100, perUrl: 100, waitingPerUrl: 1000, ...limits });
  }

  pass(name: string, url: string, signal?: AbortSignal): Promise<string | null> {
    const work = async (): Promise<string> => {
      this.begun.push(name);
      await new Promise<void>((resolve) => this.#ends.set(name, resolve));
      return name;
    };
    return this.gate.pass(url, work, signal);
  }

  async end(name: string): Promise<void> {
    const end = this.#ends.get(name) ?? assert.fail(`${name} does not run`);
    end();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a gate', () => {
  test('gives what the work gives, and throws what it throws, and is free again', async () => {
    const gate = new Gate({ inAll: 1, perUrl: 1, waitingPerUrl: 5 });
    assert.equal(await gate.pass('a', async () => 7), 7);
    await assert.rejects(
      gate.pass('a', () => Promise.reject(new Error('late'))),
      /late/,
    );
    const throws = (): Promise<never> => {
      throw new Error('at once');
    };
    await assert.rejects(gate.pass('a', throws), /at once/);
    assert.equal(await gate.pass('a', async () => 8), 8);
    assert.equal(gate.running, 0);
  });

  test('begins at once what may run at once', () => {
    const works = new Works({ inAll: 2 });
    void works.pass('1', 'http://a/');
    assert.deepEqual(works.begun, ['1']);
  });

  test('says no where too many wait, for that url alone', async () => {
    const works = new Works({ perUrl: 1, waitingPerUrl: 1 });
    void works.pass('1', 'a');
    const second = works.pass('2', 'a');
    assert.equal(await works.pass('3', 'a'), null);
    void works.pass('4', 'b');
    assert.deepEqual(works.begun, ['1', '4']);
    await works.end('1');
    await works.end('2');
    assert.equal(await second, '2');
    void works.pass('5', 'a');
    assert.deepEqual(works.begun, ['1', '4', '2', '5']);
  });

  test('keeps one at a time strictly in order', async () => {
    const works = new Works({ perUrl: 1 });
    const names = Array.from({ length: 50 }, (_, number) => `${number}`);
    for (const name of names) void works.pass(name, 'a');
    for (const name of names) await works.end(name);
    assert.deepEqual(works.begun, names);
  });

  test('one slow url keeps no other out, however many wait for it', async () => {
    const works = new Works({ inAll: 3, perUrl: 2 });
    for (let number = 0; number < 100; number++) void works.pass(`slow ${number}`, 'slow');
    void works.pass('quick', 'quick');
    assert.deepEqual(works.begun, ['slow 0', 'slow 1', 'quick']);
    assert.equal(works.gate.running, 3);
    assert.equal(works.gate.waiting, 98);
  });

  test('one slow host keeps no other out', async () => {
    const works = new Works({ inAll: 3, perHost: 2 });
    for (let number = 0; number < 20; number++) void works.pass(`s${number}`, `http://slow/${number}`);
    void works.pass('other port', 'http://slow:81/'); // of the same host
    void works.pass('quick', 'https://quick/');
    assert.deepEqual(works.begun, ['s0', 's1', 'quick']);
    await works.end('s0');
    assert.deepEqual(works.begun.at(-1), 's2');
  });

  test('a host is the same by whatever url and port', () => {
    const works = new Works({ perHost: 1 });
    const urls = ['http://a/1', 'http://a:80/2', 'HTTP://A/3?x', 'https://a/4', 'https://a:443/5', 'no url'];
    for (const url of urls) void works.pass(url, url);
    assert.deepEqual(works.begun, ['http://a/1', 'no url']);
  });

  test('goes round the urls: who comes late waits for no more than one turn of each', async () => {
    const works = new Works({ inAll: 1 });
    for (let number = 0; number < 10; number++) {
      void works.pass(`a${number}`, 'a');
      void works.pass(`b${number}`, 'b');
    }
    void works.pass('c0', 'c');
    for (const name of ['a0', 'b0', 'a1', 'c0', 'b1', 'a2', 'b2']) await works.end(name);
    assert.deepEqual(works.begun.slice(0, 7), ['a0', 'b0', 'a1', 'c0', 'b1', 'a2', 'b2']);
  });

  test('goes round the hosts where they have a limit, and within each round its urls', async () => {
    const works = new Works({ inAll: 1, perHost: 5 });
    for (const name of ['h/1', 'h/2', 'h/1 again', 'g/1'])
      void works.pass(name, `http://${name.split(' ')[0]}`);
    const order = ['h/1', 'h/2', 'g/1', 'h/1 again'];
    for (const name of order) await works.end(name);
    assert.deepEqual(works.begun, order);
  });

  test('who gives up leaves the line, and the others move up', async () => {
    const works = new Works({ perUrl: 1 });
    const leaver = new AbortController();
    void works.pass('1', 'a');
    const second = works.pass('2', 'a', leaver.signal);
    void works.pass('3', 'a');
    leaver.abort(new Error('enough'));
    await assert.rejects(second, { code: 'aborted', cause: leaver.signal.reason });
    assert.equal(works.gate.waiting, 1);
    await works.end('1');
    assert.deepEqual(works.begun, ['1', '3']);
    await assert.rejects(works.pass('4', 'b', AbortSignal.abort()), { code: 'aborted' });
  });

  test('what runs is not touched by its signal', async () => {
    const works = new Works({});
    const controller = new AbortController();
    const running = works.pass('1', 'a', controller.signal);
    controller.abort();
    await works.end('1');
    assert.equal(await running, '1');
  });

  test('work may come back to the gate', async () => {
    const gate = new Gate({ inAll: 2, perUrl: 1, waitingPerUrl: 5 });
    const inner = gate.pass('a', () => gate.pass('b', async () => 'inner'));
    assert.equal(await inner, 'inner');
  });
});

interface Job {
  readonly url: string;
  /** Turns of the event loop. */
  readonly lasts: number;
  /** Given up after so many turns; null for never. */
  readonly leaves: number | null;
}

const job: fc.Arbitrary<Job> = fc.record({
  url: fc.tuple(fc.nat(2), fc.nat(2)).map(([host, path]) => `http://${host}/${path}`),
  lasts: fc.nat(4),
  leaves: fc.option(fc.nat(6), { freq: 4 }),
});

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn <= count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Counts by key, with the most there ever were. */
class Counts {
  readonly #now = new Map<string, number>();
  most = 0;

  change(key: string, by: number): void {
    const count = (this.#now.get(key) ?? 0) + by;
    this.#now.set(key, count);
    this.most = Math.max(this.most, count);
  }
}

test('whatever comes and goes: never more than may be, everybody gets in or has left, each url in its order', async () => {
  const limit = fc.integer({ min: 1, max: 4 });
  const limits = fc.record({ inAll: limit, perUrl: limit, perHost: limit, waitingPerUrl: fc.constant(1000) });
  await fc.assert(
    fc.asyncProperty(limits, fc.array(job, { maxLength: 40 }), async (given, jobs) => {
      const gate = new Gate(given);
      const [inAll, byUrl, byHost] = [new Counts(), new Counts(), new Counts()];
      const begun: number[] = [];
      const change = ({ url }: Job, by: number): void => {
        inAll.change('', by);
        byUrl.change(url, by);
        byHost.change(new URL(url).host, by);
      };
      const results = await Promise.all(
        jobs.map(async (each, number) => {
          const leaver = new AbortController();
          if (each.leaves !== null) void turns(each.leaves).then(() => leaver.abort());
          const work = async (): Promise<number> => {
            begun.push(number);
            change(each, 1);
            await turns(each.lasts);
            change(each, -1);
            return number;
          };
          return gate.pass(each.url, work, leaver.signal).catch((error: { code: string }) => error.code);
        }),
      );
      assert.ok(inAll.most <= given.inAll && byUrl.most <= given.perUrl && byHost.most <= given.perHost);
      for (const [number, result] of results.entries()) {
        if (jobs[number]?.leaves === null) assert.equal(result, number);
        else assert.ok(result === number || result === 'aborted');
        assert.equal(begun.includes(number), result === number);
      }
      for (const url of new Set(jobs.map((each) => each.url))) {
        const order = begun.filter((number) => jobs[number]?.url === url);
        assert.deepEqual(
          order,
          order.toSorted((left, right) => left - right),
        );
      }
      assert.deepEqual([gate.running, gate.waiting], [0, 0]);
    }),
    { numRuns: 150 },
  );
});

test('no place stays empty while somebody may take it', async () => {
  const limit = fc.integer({ min: 1, max: 3 });
  const limits = fc.record({ inAll: limit, perUrl: limit, perHost: limit, waitingPerUrl: fc.constant(1000) });
  const step = fc.oneof(job, fc.constant('end' as const));
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { maxLength: 40 }), async (given, steps) => {
      const works = new Works(given);
      const waiting = new Map<string, string>();
      const running = new Map<string, string>();
      let names = 0;
      for (const each of steps) {
        if (each === 'end') {
          const [first] = running.keys();
          if (first === undefined) continue;
          running.delete(first);
          await works.end(first);
        } else {
          const name = `${names++}`;
          waiting.set(name, each.url);
          void works.pass(name, each.url);
        }
        for (const name of works.begun) {
          const url = waiting.get(name);
          if (url !== undefined) running.set(name, url);
          waiting.delete(name);
        }
        const count = (fits: (url: string) => boolean): number => [...running.values()].filter(fits).length;
        const mayRun = (url: string): boolean =>
          running.size < given.inAll &&
          count((other) => other === url) < given.perUrl &&
          count((other) => new URL(other).host === new URL(url).host) < given.perHost;
        assert.ok(![...waiting.values()].some(mayRun));
        assert.equal(works.gate.running, running.size);
        assert.equal(works.gate.waiting, waiting.size);
      }
    }),
    { numRuns: 150 },
  );
});

test('a linked list is a queue that can be left from anywhere', () => {
  const list = new LinkedList<number>();
  const links = [0, 1, 2, 3, 4].map((value) => list.push(value));
  for (const number of [2, 0, 4]) list.remove(links[number] ?? assert.fail());
  list.push(5);
  assert.equal(list.size, 3);
  assert.deepEqual([list.shift(), list.shift(), list.shift(), list.shift()], [1, 3, 5, undefined]);
  assert.equal(list.size, 0);
});
