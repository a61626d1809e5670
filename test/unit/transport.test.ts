import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { backoffDelay } from '../../src/transport/backoff.ts';
import { onePacketPipe, type PacketReader } from '../../src/transport/one-packet-pipe.ts';
import { PipeConnections } from '../../src/transport/pipe-listener.ts';
import { RateLimiter } from '../../src/transport/rate-limiter.ts';
import { formatAddress, formatUrl, hostIn, limitedHost, parseUrl } from '../../src/transport/url.ts';
import { pipePair } from '../support/pipe-pair.ts';

describe('URLs', () => {
  test('have a default port, and a path where there is one', () => {
    assert.deepEqual(parseUrl('udp://example.org'), {
      scheme: 'udp',
      host: 'example.org',
      port: 7878,
      path: '/pssst',
    });
    assert.deepEqual(parseUrl('tcp://[::1]:0'), { scheme: 'tcp', host: '::1', port: 0, path: '/pssst' });
    assert.deepEqual(parseUrl('http://h:80/x'), { scheme: 'http', host: 'h', port: 80, path: '/x' });
    for (const text of [
      'udp://[::1]:7878',
      'tcp://a.b:1',
      'ws://h:80/other',
      'http://127.0.0.1:7880',
      'memory://a',
    ]) {
      assert.equal(formatUrl(parseUrl(text)), text);
    }
  });

  test('that cannot be used are refused with what is wrong with which', () => {
    for (const [text, why] of [
      ['localhost:7878', /must begin with one of udp/],
      ['', /is not a URL/],
      ['udp://', /is not a URL|names no host/],
      ['udp://h:99999', /is not a URL/],
      ['ftp://h', /must begin/],
      ['udp://h/path', /has no path/],
      ['http://user@h', /nothing else/],
      ['http://h/?q', /nothing else/],
    ] as const) {
      assert.throws(() => parseUrl(text), { code: 'invalid_url', message: why }, text);
    }
  });

  test('limits by address count an IPv6 subscriber once', () => {
    assert.equal(limitedHost('192.0.2.7'), '192.0.2.7');
    assert.equal(limitedHost('::ffff:192.0.2.7'), '192.0.2.7');
    assert.equal(limitedHost('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    assert.equal(limitedHost('2001:db8:1:2::6'), limitedHost('2001:db8:1:2:ffff::'));
    assert.equal(limitedHost('2001:db8::1'), '2001:db8:0:0::/64');
    assert.equal(limitedHost('::1'), '0:0:0:0::/64');
  });
});

describe('the rate limiter', () => {
  test('gives each host its burst, then its rate', () => {
    let now = 0;
    const limiter = new RateLimiter(10, 3, () => now);
    const taken = (host: string, tries: number): number =>
      Array.from({ length: tries }, () => limiter.take(host)).filter(Boolean).length;
    assert.equal(taken('a', 5), 3);
    assert.equal(taken('b', 1), 1);
    now += 100;
    assert.equal(taken('a', 5), 1);
    now += 10_000;
    assert.equal(taken('a', 5), 3, 'never more than the burst');
  });

  test('keeps no more hosts than it may, and none without a limit', () => {
    const limiter = new RateLimiter(1, 1, () => 0);
    for (let host = 0; host < 20_000; host++) assert.equal(limiter.take(String(host)), true);
    assert.equal(limiter.take('19999'), false);
    assert.equal(new RateLimiter(Number.POSITIVE_INFINITY, 1).take('a'), true);
  });
});

test('waits double, with a quarter of jitter either way', () => {
  const backoff = { first: 100, tries: 4 };
  assert.deepEqual(
    [0, 1, 2, 9].map((attempt) => backoffDelay(backoff, attempt, () => 0.5)),
    [100, 200, 400, 1000],
  );
  assert.deepEqual(
    [0, 1].map((random) => backoffDelay(backoff, 0, () => random)),
    [75, 125],
  );
});

describe('a packet over a slow line', () => {
  const limits = {
    ...{ maxPacket: 1000, maxDatagram: 1000, maxConnections: 9, maxConnectionsPerHost: 9 },
    ...{ maxInFlightPerConnection: 1, idleTimeout: 40, packetTimeout: 40 },
  };
  const reader = (): PacketReader => {
    let length = 0;
    const push = (chunk: Uint8Array): Uint8Array | null => {
      length += chunk.length;
      return length < 10 ? null : chunk;
    };
    return { push, end: () => null };
  };

  /** What becomes of a packet of ten bytes, one every 20 ms. */
  async function dribbled(slowest?: number): Promise<string> {
    const [near, far] = pipePair();
    const outcome = Promise.withResolvers<string>();
    const connections = new PipeConnections('tcp', {
      limits: slowest === undefined ? limits : { ...limits, slowest },
      reusePort: false,
      onArrival: async () => outcome.resolve('arrived'),
      onDrop: (reason) => outcome.resolve(reason),
    });
    near.start({ onData() {}, onDrain() {}, onClose() {} });
    connections.add(onePacketPipe(far, reader()));
    const timer = setInterval(() => near.send([Uint8Array.of(1)]), 20);
    const said = await outcome.promise;
    clearInterval(timer);
    connections.close();
    return said;
  }

  test('is waited for by its length where that is wanted, and not for ever', async () => {
    assert.equal(await dribbled(1 / 1000), 'arrived');
    assert.match(await dribbled(1), /^(packet|idle)_timeout$/);
    assert.match(await dribbled(), /^(packet|idle)_timeout$/);
  });
});

test('the host of an address as it is written for people', () => {
  for (const host of ['10.0.0.2', '::1', '::ffff:10.0.0.2', 'fe80::1%eth0']) {
    assert.equal(hostIn(formatAddress({ host, port: 57_001 })), host);
  }
  for (const text of ['', '10.0.0.2', 'fe80::1:5', ':5', '[::1]']) assert.equal(hostIn(text), '');
});
