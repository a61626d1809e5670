/** The simulated world itself: time, chance, the network, machines, and how a failure is told. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createApp } from '../../src/app/app.ts';
import { SottoError } from '../../src/errors.ts';
import { Identity } from '../../src/keys/identity.ts';
import { primitives } from '../../src/platform/node/crypto.ts';
import { dataFiles, openDatabase } from '../../src/platform/node/files.ts';
import { sockets } from '../../src/platform/node/sockets.ts';
import { threads } from '../../src/platform/node/threads.ts';
import { zstd } from '../../src/platform/node/zstd.ts';
import type { Pipe } from '../../src/platform/types.ts';
import { RequestClient, RequestServer } from '../../src/request/index.ts';
import { type Conditions, type Host, simulate, type World } from '../../src/testing/index.ts';

const MINUTE = 60_000;
const realTimeout = setTimeout;
const PERFECT: Conditions = { delay: [1, 1] };

/** Two hosts on a network that takes just 1 ms. */
async function play(
  scenario: (world: World, left: Host, right: Host) => unknown,
  network = PERFECT,
): Promise<void> {
  await simulate({ network }, (world) => scenario(world, world.host('left'), world.host('right')));
}

/** Pipes of bytes between two hosts, and all that comes out of them. */
async function piped(left: Host, right: Host): Promise<{ near: Pipe; far: Pipe; log: string[] }> {
  const log: string[] = [];
  const follow = (name: string, pipe: Pipe): Pipe => {
    pipe.start({
      onData: (data) => log.push(`${name} hears ${new TextDecoder().decode(data)}`),
      onDrain: () => log.push(`${name} drains`),
      onClose: (why) => log.push(`${name} closes: ${why}`),
    });
    return pipe;
  };
  const accepted = Promise.withResolvers<Pipe>();
  const address = { host: '0.0.0.0', port: 80, reusePort: false };
  const onPipe = (pipe: Pipe): void => accepted.resolve(follow('far', pipe));
  await right.run(() => sockets.listenStreams({ ...address, maxConnections: 9, onPipe }));
  const near = await left.run(() => sockets.connectStream({ host: 'right', port: 80 }, 5000));
  left.run(() => follow('near', near));
  return { near, far: await accepted.promise, log };
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('time', () => {
  test('passes from event to event, and timers come in their order', () =>
    play(async (world, left) => {
      const seen: string[] = [];
      const note = (what: string) => (): void => void seen.push(`${what} ${world.now}`);
      const start = Date.now();
      const stopped = left.run(() => {
        setTimeout(note('late'), 20_000);
        setTimeout(note('soon'), 1000);
        setImmediate(note('now'));
        const every = setInterval(note('every'), 400).unref();
        clearTimeout(setTimeout(note('never'), 10));
        return setTimeout(() => clearInterval(every), 900);
      });
      assert.ok(stopped.hasRef());
      await wait(30_000);
      assert.deepEqual(seen, ['now 0', 'every 400', 'every 800', 'soon 1000', 'late 20000']);
      assert.equal(Date.now() - start, 30_000);
      assert.equal(new Date().toISOString(), '2030-01-01T00:00:30.000Z');
      assert.equal(new Date(0).getTime(), 0);
      assert.ok(new Date() instanceof Date);
    }));

  test('has clocks that are wrong, whose timers are right', () =>
    play(async (world, left, right) => {
      left.skew = 5000;
      assert.equal(left.run(() => Date.now()) - right.run(() => Date.now()), 5000);
      const began = left.run(() => performance.now());
      await left.run(() => wait(60));
      await left.run(() => promisify(setTimeout)(40));
      assert.equal(left.run(() => performance.now()) - began, 100);
      assert.equal(world.now, 100);
    }));

  test('aborts what takes too long, by simulated time', () =>
    play(async (world) => {
      const signal = AbortSignal.timeout(MINUTE);
      await assert.rejects(wait(2 * MINUTE, null, { signal }), { name: 'AbortError' });
      assert.equal(signal.reason.name, 'TimeoutError');
      assert.equal(world.now, MINUTE);
    }));

  test('does not pass while what was loaded before is imported', () =>
    play(async (world) => {
      const ticking = setInterval(() => {}, 1);
      await import('../../src/transport/http-asking-pipe.ts');
      assert.equal(world.now, 0);
      clearInterval(ticking);
    }));

  test('waits for the real world where it is told to', () =>
    play(async (world) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      let passed = false;
      setTimeout(() => {
        passed = true;
      }, 1);
      realTimeout(resolve, 20);
      await world.outside(promise);
      assert.equal(passed, false);
      const key = await world
        .host('left')
        .run(() => primitives.scrypt(bytesOf('a'), bytesOf('b'), { N: 1024, r: 8, p: 1 }, 32));
      assert.equal(key.length, 32);
      assert.equal(world.now, 0);
    }));

  test('is the real one outside, during a simulation and after it', async () => {
    const before = { setTimeout, Date, now: Date.now, random: Math.random, timeout: AbortSignal.timeout };
    const real = new Promise((resolve) => setTimeout(() => resolve(Date.now()), 5));
    await play(async (world) => {
      await world.advance(10 * MINUTE);
      assert.ok(setTimeout !== before.setTimeout);
      await world.outside(real);
    });
    assert.ok(
      Number(await real) < Date.parse('2030-01-01') + MINUTE || Date.now() > Date.parse('2030-01-01'),
    );
    const after = { setTimeout, Date, now: Date.now, random: Math.random, timeout: AbortSignal.timeout };
    assert.deepEqual(after, before);
    assert.ok(!Object.hasOwn(performance, 'now'));
  });
});

describe('chance', () => {
  const drawn = async (from: number): Promise<unknown> => {
    let result: unknown;
    await simulate({ from }, (world) => {
      const draw = (): unknown => [
        Math.random(),
        primitives.randomBytes(9),
        Identity.generate().publicKey.toString(),
      ];
      result = [world.host('a').run(draw), world.host('b').run(draw), world.random.below(1000)];
    });
    return result;
  };

  test('is what the seed says, for each host another', async () => {
    const first = await drawn(1);
    assert.deepEqual(await drawn(1), first);
    assert.notDeepEqual(await drawn(2), first);
    const [left, right] = first as [unknown, unknown];
    assert.notDeepEqual(left, right);
  });

  test('makes a world once and again', async () => {
    const scenario = async (world: World): Promise<void> => {
      const identity = world.host('a').run(() => Identity.generate());
      const app = createApp().on('/echo', (ctx) => ctx.body);
      await world.host('a').start(() => RequestServer.start(app, { identity, listen: 'udp://a:7' }));
      const options = { serverKey: identity.publicKey, retries: 25, timeout: 10 * MINUTE };
      const client = await world.host('b').start(() => RequestClient.connect('udp://a:7', options));
      await Promise.all([1, 2, 3].map((body) => client.request('/echo', body)));
    };
    const network = { loss: 0.2, duplication: 0.3 };
    const [first, second] = [
      await simulate({ seeds: 20, network }, scenario),
      await simulate({ seeds: 20, network }, scenario),
    ];
    assert.deepEqual(first, second);
    assert.equal(new Set(first.digests).size, 20);
  });
});

describe('datagrams', () => {
  async function sent(
    network: Conditions,
    meanwhile: (world: World, left: Host, right: Host) => unknown,
  ): Promise<string[]> {
    const heard: string[] = [];
    await play(async (world, left, right) => {
      const onDatagram = (datagram: Uint8Array): void => void heard.push(String(datagram[0]));
      await right.run(() =>
        sockets.bindDatagrams({ host: '0.0.0.0', port: 53, reusePort: false, onDatagram }),
      );
      const socket = await left.run(() =>
        sockets.connectDatagrams({ host: 'right', port: 53 }, { onDatagram, onError: () => {} }),
      );
      await meanwhile(world, left, right);
      for (let number = 0; number < 20; number++) left.run(() => socket.send(Uint8Array.of(number)));
      await world.settle();
    }, network);
    return heard;
  }

  const inOrder = Array.from({ length: 20 }, (_, number) => String(number));

  test('arrive, get lost, come twice, and overtake each other', async () => {
    assert.deepEqual(await sent(PERFECT, () => {}), inOrder);
    assert.deepEqual(await sent({ loss: 1 }, () => {}), []);
    assert.equal((await sent({ duplication: 1 }, () => {})).length, 40);
    const mixed = await sent({ delay: [1, 50] }, () => {});
    assert.notDeepEqual(mixed, inOrder);
    assert.deepEqual(mixed.toSorted(), inOrder.toSorted());
  });

  test('do not cross a partition, which may have one direction', async () => {
    assert.deepEqual(await sent(PERFECT, (world, left, right) => world.partition([left], [right])), []);
    assert.deepEqual(
      await sent(PERFECT, (world) => world.partition(['right'], ['left'], { oneWay: true })),
      inOrder,
    );
    assert.deepEqual(
      await sent(PERFECT, (world) => world.partition(['left'], ['right'], { oneWay: true })),
      [],
    );
    const healed = (world: World): void => {
      world.partition(['left'], ['right']);
      world.heal();
    };
    assert.deepEqual(await sent(PERFECT, healed), inOrder);
  });

  test('are refused where nobody listens, and silent where there is no machine', () =>
    play(async (world, left, right) => {
      const errors: string[] = [];
      const events = { onDatagram: () => {}, onError: (why: string) => void errors.push(why) };
      const socket = await left.run(() => sockets.connectDatagrams({ host: right.address, port: 9 }, events));
      left.run(() => socket.send(Uint8Array.of(1)));
      await world.settle();
      assert.deepEqual(errors, ['recv ECONNREFUSED']);
      right.crash();
      left.run(() => socket.send(Uint8Array.of(1)));
      await world.settle();
      assert.equal(errors.length, 1);
      await assert.rejects(
        left.run(() => sockets.connectDatagrams({ host: 'nobody', port: 9 }, events)),
        /ENOTFOUND/,
      );
    }));

  test('to a group reach the members of one LAN, the sender among them', async () => {
    const heard: string[] = [];
    await simulate({ network: PERFECT }, async (world) => {
      const lans = { a: 'office', b: 'office', c: 'home' };
      const members = await Promise.all(
        Object.entries(lans).map(([name, lan]) =>
          world.host(name, { lan }).start(() =>
            sockets.bindMulticast({
              group: '224.0.0.109',
              port: 57_000,
              onDatagram: (datagram, from) =>
                void heard.push(`${name} hears ${datagram[0]} by ${from.interfaceName}`),
              onInterfaces: (current) => assert.equal(current[0]?.address, world.host(name).address),
            }),
          ),
        ),
      );
      members[0]?.send(Uint8Array.of(7));
      await world.settle();
    });
    assert.deepEqual(heard, ['a hears 7 by eth0', 'b hears 7 by eth0']);
  });
});

describe('connections', () => {
  test('carry all in order, whatever gets lost, and end after it', () =>
    play(
      async (world, left, right) => {
        const { near, log } = await piped(left, right);
        left.run(() => {
          for (const word of ['one ', 'two ', 'three']) near.send([bytesOf(word)]);
          near.end();
        });
        await world.settle();
        const heard = log
          .filter((line) => line.startsWith('far hears '))
          .map((line) => line.slice('far hears '.length));
        assert.equal(heard.join(''), 'one two three');
        assert.deepEqual(log.slice(-1), ['far closes: null']);
      },
      { delay: [1, 100], loss: 0.5 },
    ));

  test('stand still in a partition, and go on after it', () =>
    play(async (world, left, right) => {
      const { near, log } = await piped(left, right);
      world.partition([left], [right]);
      left.run(() => near.send([bytesOf('x')]));
      await world.advance(20_000);
      assert.deepEqual(log, []);
      world.heal();
      await world.advance(2000);
      assert.deepEqual(log, ['far hears x']);
    }));

  test('are given up by an end that hears nothing for long; the other learns it when it speaks', () =>
    play(async (world, left, right) => {
      const { far, log } = await piped(left, right);
      world.partition([right], [left], { oneWay: true });
      await world.advance(30_000);
      assert.deepEqual(log, ['near closes: read ETIMEDOUT']);
      world.heal();
      right.run(() => far.send([bytesOf('x')]));
      await world.advance(2000);
      assert.deepEqual(log.slice(1), ['far closes: read ECONNRESET']);
    }));

  test('break where a program is killed, and not where the power fails', () =>
    play(async (world, left, right) => {
      const { near, log } = await piped(left, right);
      right.crash();
      left.run(() => near.send([bytesOf('x')]));
      await world.advance(10_000);
      assert.deepEqual(log, []);
      right.restart();
      await world.advance(2000);
      assert.deepEqual(log, ['near closes: read ECONNRESET']);
      const { log: second } = await piped(left, right);
      right.kill();
      await world.settle();
      assert.deepEqual(second, []);
      await world.advance(5);
      assert.deepEqual(second, ['near closes: read ECONNRESET']);
    }));

  test('break when they are cut, at both ends', () =>
    play(async (world, left, right) => {
      const { log } = await piped(left, right);
      left.cut(right);
      await world.settle();
      assert.deepEqual(log.toSorted(), ['far closes: read ECONNRESET', 'near closes: read ECONNRESET']);
    }));

  test('take no more than the other end reads', () =>
    play(async (world, left, right) => {
      const { near, far, log } = await piped(left, right);
      far.pause();
      left.run(() => {
        for (let index = 0; index < 10; index++) near.send([new Uint8Array(20_000)]);
      });
      await world.settle();
      assert.ok(near.buffered > 100_000);
      assert.ok(!log.includes('near drains'));
      right.run(() => far.resume());
      await world.settle();
      assert.equal(near.buffered, 0);
      assert.ok(log.includes('near drains'));
    }));

  test('are refused where nobody listens, and given up where nobody answers', () =>
    play(async (world, left, right) => {
      const dial = (host: string): Promise<Pipe> =>
        left.run(() => sockets.connectStream({ host, port: 80 }, 3000));
      await assert.rejects(dial('right'), { code: 'unreachable', message: /ECONNREFUSED/ });
      await assert.rejects(dial('nobody'), { code: 'unreachable', message: /ENOTFOUND/ });
      right.crash();
      await assert.rejects(dial('right'), { code: 'unreachable', message: /no connection within 3000 ms/ });
      assert.ok(world.now >= 3000);
    }));

  test('of HTTP keep to what is allowed, and TLS is none', () =>
    play(async (_world, left, right) => {
      const limits = {
        maxConnections: 9,
        maxConnectionsPerHost: 9,
        headersTimeout: 1000,
        idleTimeout: 1000,
        maxMessage: 9,
      };
      const nobody = { channelHandler: () => null, onDrop: () => {} };
      const onRequest = async ({ path }: { path: string }): Promise<{ status: number; body: Uint8Array }> => {
        if (path === '/broken') throw new Error('broken');
        return { status: 200, body: bytesOf('a long answer') };
      };
      const address = { host: 'right', port: 80, reusePort: false };
      await right.run(() => sockets.listenHttpStreams({ ...address, ...nobody, limits, onRequest }));
      const signal = new AbortController().signal;
      const get = (url: string, more: object = {}): Promise<{ status: number }> =>
        left.run(() => sockets.get(url, { maxAnswer: 100, signal, ...more }));
      assert.equal((await get('http://right/')).status, 200);
      assert.equal((await get('http://right/broken')).status, 500);
      const codes = { tooLong: { maxAnswer: 3 }, private: { addresses: 'public' } };
      for (const options of Object.values(codes)) {
        await assert.rejects(get('http://right/', options), { code: 'unreachable' });
      }
      await assert.rejects(get('https://right/'), /https:\/\/ is not simulated/);
      await assert.rejects(get('file:///etc/passwd'), { code: 'invalid_url' });
      await assert.rejects(
        left.run(() => sockets.connectChannel('ws://right/', { maxMessage: 9, timeout: 1000 })),
        /Unexpected server response: 404/,
      );
    }));
});

describe('machines', () => {
  test('have ports of their own, and no addresses of others', () =>
    play(async (_world, left, right) => {
      const bind = (host: Host, address: string): Promise<unknown> =>
        host.run(() =>
          sockets.bindDatagrams({ host: address, port: 53, reusePort: false, onDatagram: () => {} }),
        );
      await bind(left, '0.0.0.0');
      await bind(right, right.address);
      await bind(right, '127.0.0.1');
      await assert.rejects(bind(left, 'localhost'), { code: 'EADDRINUSE' });
      await assert.rejects(bind(right, left.address), { code: 'EADDRNOTAVAIL' });
    }));

  test('have files and databases that outlive their programs, and programs that watch them', () =>
    play(async (world, left) => {
      const changes: (string | null)[] = [];
      left.run(() => dataFiles.watchFolder('/data', (name) => changes.push(name)));
      left.files.write('data/a.csv', 'a');
      left.files.replace('/data/a.csv', 'b');
      await world.settle();
      assert.deepEqual(changes, ['a.csv', 'a.csv']);
      assert.deepEqual(
        left.run(() => dataFiles.glob('/data/*.csv')),
        ['/data/a.csv'],
      );
      left.run(() => openDatabase('/x.db').execute('CREATE TABLE kept (one)'));
      left.crash();
      assert.throws(() => left.run(() => 1), { code: 'closed' });
      left.restart();
      assert.equal(left.files.readText('/data/a.csv'), 'b');
      left.run(() => openDatabase('x.db').execute('INSERT INTO kept VALUES (1)'));
      assert.ok(left.files.remove('/data/a.csv'));
      await world.settle();
      assert.equal(changes.length, 2, 'whoever watched is gone');
    }));

  test('end whatever their programs are in the middle of', () =>
    play(async (world, left) => {
      let goesOn = false;
      const work = left.run(async () => {
        await wait(1000);
        goesOn = true;
      });
      const server = await left.start(() => ({ ask: () => 'answer' }));
      assert.equal(server.ask(), 'answer');
      left.crash();
      await assert.rejects(work, { code: 'aborted' });
      left.restart();
      await world.advance(2000);
      assert.equal(goesOn, false);
      assert.throws(() => server.ask(), { code: 'closed', message: /restarted since/ });
    }));

  test('have no threads, and compress without them', () =>
    play(async (world, left) => {
      const module = { base: import.meta.url, name: 'none' };
      const events = { onMessage: () => {}, onEnd: () => {} };
      assert.throws(() => left.run(() => threads.start(module, events)), { code: 'unsupported_platform' });
      const options = { level: 3, dictionary: null };
      let parts = 0;
      await left.run(async () => {
        for await (const _part of zstd.compressStream([bytesOf('same '), bytesOf('same')], options))
          parts += 1;
      });
      assert.equal(parts, 1);
      assert.equal(world.now, 0);
    }));
});

describe('a failure', () => {
  const failing = (options: object, scenario: (world: World) => unknown): Promise<SottoError> =>
    simulate(options, scenario).then(
      () => assert.fail('it should have failed'),
      (error: unknown) => (error instanceof SottoError ? error : assert.fail(String(error))),
    );

  test('names its seed, how to have it again, and what happened last', async () => {
    const error = await failing({ seeds: 50, from: 5 }, async (world) => {
      await world.advance(world.seed);
      world.note('about to fail');
      if (world.seed === 7) throw new Error('seven');
    });
    assert.equal(error.code, 'simulation_failed');
    assert.match(
      error.message,
      /^Seed 7 failed after 7\.000 ms: seven\n.*SOTTO_SEED=7.*\n.*\n {2}7\.000 scenario about to fail$/,
    );
    assert.equal(error.cause instanceof Error && error.cause.message, 'seven');
  });

  test('is played alone by SOTTO_SEED', async () => {
    process.env.SOTTO_SEED = '41';
    const seeds: number[] = [];
    await simulate({ seeds: 100 }, (world) => seeds.push(world.seed)).finally(() => {
      delete process.env.SOTTO_SEED;
    });
    assert.deepEqual(seeds, [41]);
    await assert.rejects(
      simulate({ seeds: -1 }, () => {}),
      { code: 'invalid_option' },
    );
  });

  test('is one of a timer, and one of a promise that nobody waits for', async () => {
    const ofTimer = await failing({}, async (world) => {
      world.host('a').run(() =>
        setTimeout(() => {
          throw new Error('in a timer');
        }, 10),
      );
      await world.advance(100);
    });
    assert.match(ofTimer.message, /after 10\.000 ms: in a timer/);
  });

  test('tells what never ends, and what never comes', async () => {
    const endless = await failing({ within: 1000 }, (world) => {
      world.host('a').run(() => setInterval(() => {}, 100));
      return new Promise(() => {});
    });
    assert.match(endless.message, /not over after 1000 ms/);
    assert.match((await failing({}, () => new Promise(() => {}))).message, /nothing is planned any more/);
    const late = await failing({}, (world) => world.runUntil(() => false, { within: 50, what: 'a wonder' }));
    assert.match(late.message, /Within 50 ms this did not come about: a wonder/);
    assert.match((await failing({}, (world) => world.partition(['a'], ['b']))).message, /There is no host a/);
  });
});
