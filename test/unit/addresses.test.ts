/** Which addresses a stranger may make us send something to: judged as text, and as connections are made. */

import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AddressGuard, assertNetworks, isPublicAddress } from '../../src/platform/node/addresses.ts';
import { guardedLookup } from '../../src/platform/node/guarded-agent.ts';
import { sockets } from '../../src/platform/node/sockets.ts';
import { until } from '../support/lookup.ts';

// The first and last of each network, and what lies just outside of it.
const PRIVATE_IPV4 = [
  ...['0.0.0.0', '0.255.255.255', '10.0.0.0', '10.255.255.255', '100.64.0.0', '100.127.255.255'],
  ...['100.100.100.200', '127.0.0.1', '127.255.255.255', '169.254.0.0', '169.254.169.254', '169.254.255.255'],
  ...['172.16.0.0', '172.31.255.255', '192.0.0.0', '192.0.0.192', '192.0.0.255', '192.0.2.0', '192.0.2.255'],
  ...['192.88.99.1', '192.168.0.0', '192.168.255.255', '198.18.0.0', '198.19.255.255', '198.51.100.7'],
  ...['203.0.113.0', '203.0.113.255', '224.0.0.0', '239.255.255.255', '240.0.0.0', '255.255.255.255'],
  '168.63.129.16',
];
const PUBLIC_IPV4 = [
  ...[
    '1.0.0.0',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
  ],
  ...['169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.0.1.0', '192.0.3.0', '8.8.8.8'],
  ...['192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '198.51.99.255', '203.0.114.0'],
  ...['223.255.255.255', '168.63.129.15', '168.63.129.17'],
];
const PRIVATE_IPV6 = [
  ...[
    '::',
    '::1',
    '::7f00:1',
    'fc00::',
    'fdff:ffff::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
  ],
  ...['fec0::1', 'ff02::1', 'ff0e::1', '100::1', '64:ff9b:1::1', '64:ff9b:1:a00::', '::ffff:0:127.0.0.1'],
  ...['2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '2001:2::1', '2001:10::1', '2001:1ff:ffff::1'],
  ...[
    '2001:db8::1',
    '2001:db8:ffff::1',
    '3fff::1',
    '3fff:fff::1',
    '4000::1',
    '5f00::1',
    '1fff::1',
    '::a00:1',
  ],
];
const PUBLIC_IPV6 = [
  ...[
    '2000::1',
    '2001:200::1',
    '2001:4860:4860::8888',
    '2606:4700::1111',
    '2a00::1',
    '3ffe::1',
    '3fff:1000::1',
  ],
  '2001:db9::1',
];

/** An IPv4 address inside of IPv6, in every way that leads to it. */
function formsOf(address: string): readonly string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const high = (a * 256 + b).toString(16);
  const low = (c * 256 + d).toString(16);
  return [
    `::ffff:${address}`,
    `::FFFF:${high}:${low}`,
    `0:0:0:0:0:ffff:${address}`,
    `64:ff9b::${address}`,
    `64:ff9b::${high}:${low}`,
    `2002:${high}:${low}::`,
    `2002:${high}:${low}:1234::5678`,
  ];
}

describe('public', () => {
  test('are the addresses of the internet, also as IPv6 holds them', () => {
    for (const address of [...PUBLIC_IPV4, ...PUBLIC_IPV4.flatMap(formsOf), ...PUBLIC_IPV6]) {
      assert.ok(isPublicAddress(address), address);
    }
  });

  test('are not those of this machine, of private networks and of special ones, in whatever form', () => {
    for (const address of [...PRIVATE_IPV4, ...PRIVATE_IPV4.flatMap(formsOf), ...PRIVATE_IPV6]) {
      assert.ok(!isPublicAddress(address), address);
    }
  });

  test('is nothing that is no address', () => {
    for (const text of [
      '',
      'localhost',
      '1.2.3',
      '0x7f.1',
      '8.8.8.8 ',
      '[2606:4700::1]',
      '8.8.8.8/8',
      '010.8.8.8',
    ]) {
      assert.ok(!isPublicAddress(text), text);
    }
  });

  test('is an IPv4 address exactly where its forms are', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        for (const form of formsOf(address))
          assert.equal(isPublicAddress(form), isPublicAddress(address), form);
      }),
    );
  });
});

describe('allowed networks', () => {
  test('are let through besides what is public', () => {
    const guard = new AddressGuard(['10.1.0.0/16', 'fd12:3456::/32', '127.0.0.1', '::1']);
    const permitted = [
      '10.1.2.3',
      '::ffff:10.1.2.3',
      'fd12:3456::7',
      '127.0.0.1',
      '::1',
      '8.8.8.8',
      '2a00::1',
    ];
    for (const address of permitted) assert.ok(guard.permits(address), address);
    for (const address of ['10.2.0.0', 'fd12:3457::7', '127.0.0.2', '::2', 'localhost']) {
      assert.ok(!guard.permits(address), address);
    }
  });

  test('may be none, or all', () => {
    assert.ok(!new AddressGuard([]).permits('10.0.0.1'));
    const all = new AddressGuard(['0.0.0.0/0', '::/0']);
    for (const address of [...PRIVATE_IPV4, ...PRIVATE_IPV6]) assert.ok(all.permits(address), address);
  });

  test('are checked at the door', () => {
    assertNetworks(['10.0.0.0/8', '10.0.0.0/0', '::/128', '1.2.3.4']);
    const wrong = [
      '',
      '10.0.0.0/33',
      '10.0.0/8',
      '::/129',
      '10.0.0.0/',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
      'all',
      'fe80::1%e/x',
    ];
    for (const network of wrong) {
      assert.throws(() => assertNetworks([network]), { code: 'invalid_option', message: /allow/ }, network);
    }
    assert.throws(() => sockets.assertNetworks(['nowhere']), {
      code: 'invalid_option',
      message: /"nowhere"/,
    });
  });
});

describe('a name', () => {
  const resolving =
    (...rounds: string[][]): Parameters<typeof guardedLookup>[1] =>
    (_hostname, _options, callback) => {
      const found = rounds.length > 1 ? rounds.shift() : rounds[0];
      callback(
        null,
        (found ?? []).map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    };
  const look = (resolve: Parameters<typeof guardedLookup>[1], all: boolean): Promise<unknown> =>
    new Promise((settle, reject) =>
      guardedLookup(new AddressGuard([]), resolve)('name', { all }, (error, address, family) =>
        error ? reject(error) : settle(all ? address : [address, family]),
      ),
    );

  test('leads to those of its addresses that are public', async () => {
    const mixed = [['10.0.0.1', '8.8.8.8', '::1', '2a00::1']];
    assert.deepEqual(await look(resolving(...mixed), true), [
      { address: '8.8.8.8', family: 4 },
      { address: '2a00::1', family: 6 },
    ]);
    assert.deepEqual(await look(resolving(...mixed), false), ['8.8.8.8', 4]);
  });

  test('that leads to none is refused, by the address it leads to', async () => {
    for (const all of [true, false]) {
      await assert.rejects(look(resolving(['192.168.1.1', '::1']), all), {
        code: 'not_allowed',
        message: /^192\.168\.1\.1 is not a public address.*"allow".*"addresses"/,
      });
    }
    await assert.rejects(look(resolving([]), true), { code: 'not_allowed' });
  });

  test('is judged each time it is asked for: another answer a moment later is no way in', async () => {
    const rebinding = resolving(['8.8.8.8'], ['127.0.0.1']);
    await look(rebinding, true);
    await assert.rejects(look(rebinding, true), { code: 'not_allowed' });
  });

  test('that nobody knows is not known', async () => {
    const failing: Parameters<typeof guardedLookup>[1] = (_hostname, _options, callback) =>
      callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    await assert.rejects(look(failing, true), { code: 'ENOTFOUND' });
  });
});

const LIMITS = { maxAnswer: 100, signal: AbortSignal.timeout(20_000) } as const;

async function serving(
  listener: RequestListener,
  work: (port: number, host: string) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await work((server.address() as AddressInfo).port, '127.0.0.1');
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('a guarded request', () => {
  const message = { headers: {}, length: 2, body: [new Uint8Array([1, 2])], ...LIMITS };

  test('reaches no private address, by whatever name or number', async () => {
    const came: (string | undefined)[] = [];
    await serving(
      (request, response) => {
        came.push(request.url);
        response.end();
      },
      async (port) => {
        const hosts = [
          '127.0.0.1',
          '2130706433',
          '0x7f.1',
          '127.1',
          'localhost',
          '[::ffff:127.0.0.1]',
          '[::1]',
          '0',
        ];
        for (const host of hosts) {
          for (const scheme of ['http', 'https']) {
            const url = `${scheme}://${host}:${port}/hook`;
            const refused = {
              code: 'unreachable',
              message: /cannot be reached: .* is not a public address.*"allow".*"addresses"/,
            };
            const ask = (): Promise<unknown> => sockets.postStream(url, { ...message, addresses: 'public' });
            await assert.rejects(ask(), refused, url);
            await assert.rejects(sockets.get(url, { ...LIMITS, addresses: 'public' }), refused, url);
          }
        }
        assert.deepEqual(came, []);
      },
    );
  });

  test('is known not to be the fault of the network', async () => {
    const asked = sockets.get('http://10.0.0.1/', { ...LIMITS, addresses: 'public' });
    const error: unknown = await asked.catch((caught: unknown) => caught);
    assert.ok(error instanceof Error);
    assert.equal((error.cause as { code: string }).code, 'not_allowed');
  });

  test('reaches what is allowed, and its connection serves nobody else', async () => {
    await serving(
      (_request, response) => response.end('here'),
      async (port) => {
        const allow = ['127.0.0.0/8'];
        for (const host of ['127.0.0.1', 'localhost']) {
          const url = `http://${host}:${port}/`;
          const answer = await sockets.postStream(url, { ...message, addresses: 'public', allow });
          assert.equal(Buffer.from(answer.body).toString(), 'here');
          assert.equal((await sockets.postStream(url, message)).status, 200, 'any is the default');
          await assert.rejects(sockets.postStream(url, { ...message, addresses: 'public' }), {
            code: 'unreachable',
          });
        }
      },
    );
  });

  test('says what is wrong with the list of what is allowed', async () => {
    const asked = sockets.get('http://127.0.0.1/', { ...LIMITS, addresses: 'public', allow: ['lan'] });
    await assert.rejects(asked, { code: 'invalid_option', message: /"lan" is no network/ });
  });
});

describe('a request to anywhere', () => {
  test('follows no redirect', async () => {
    const came: string[] = [];
    await serving(
      (request, response) => {
        came.push(`${request.method} ${request.url}`);
        response.writeHead(Number(request.url?.slice(1)), { location: '/elsewhere' }).end();
      },
      async (port) => {
        for (const status of [301, 302, 303, 307, 308]) {
          const url = `http://127.0.0.1:${port}/${status}`;
          const post = { headers: {}, length: 1, body: [new Uint8Array(1)], ...LIMITS };
          assert.equal((await sockets.postStream(url, post)).status, status);
          assert.equal((await sockets.get(url, LIMITS)).status, status);
        }
        assert.deepEqual(
          came.filter((each) => each.endsWith('elsewhere')),
          [],
        );
        assert.equal(came.length, 10);
      },
    );
  });

  test('is of http:// or https://, and of nothing else', async () => {
    for (const url of [
      'file:///etc/passwd',
      'ftp://a/',
      'gopher://a/',
      'javascript:1',
      'data:,x',
      '/path',
      '',
      'ws://a/',
    ]) {
      const post = { headers: {}, length: 0, body: [], ...LIMITS };
      await assert.rejects(sockets.postStream(url, post), { code: 'invalid_url' }, url);
      await assert.rejects(sockets.get(url, LIMITS), { code: 'invalid_url' }, url);
    }
  });

  test('takes an answer up to its limit, or the start of a longer one', async () => {
    await serving(
      (request, response) => {
        response.writeHead(request.url === '/busy' ? 503 : 200, { 'retry-after': '7' });
        response.end('x'.repeat(request.url === '/long' ? 1_000_000 : 100));
      },
      async (port) => {
        const base = `http://127.0.0.1:${port}`;
        const whole = await sockets.get(`${base}/`, LIMITS);
        assert.deepEqual([whole.status, whole.body.length, whole.retryAfter], [200, 100, '7']);
        assert.equal((await sockets.get(`${base}/busy`, LIMITS)).status, 503);
        const error = (await sockets.get(`${base}/long`, LIMITS).catch((caught: unknown) => caught)) as Error;
        assert.equal((error.cause as { code: string }).code, 'body_too_large');
        for (const maxAnswer of [0, 100]) {
          const cut = await sockets.get(`${base}/long`, { ...LIMITS, maxAnswer, cutAnswer: true });
          assert.deepEqual([cut.status, cut.body.length], [200, maxAnswer]);
        }
      },
    );
  });

  test('is given up with its signal', async () => {
    let came = 0;
    await serving(
      () => {
        came += 1;
      },
      async (port) => {
        const controller = new AbortController();
        const asked = sockets.get(`http://127.0.0.1:${port}/`, { maxAnswer: 1, signal: controller.signal });
        const refused = assert.rejects(asked, { code: 'unreachable' });
        await until(() => came === 1);
        controller.abort();
        await refused;
      },
    );
  });
});

test('a server is told the query apart from the path', async () => {
  const seen: [string, string][] = [];
  const server = await sockets.listenHttpStreams({
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    limits: {
      maxConnections: 9,
      maxConnectionsPerHost: 9,
      headersTimeout: 9000,
      idleTimeout: 9000,
      maxMessage: 1,
    },
    onRequest: async ({ path, query }) => {
      seen.push([path, query]);
      return { status: 200, body: new Uint8Array(0) };
    },
    channelHandler: () => null,
    onDrop: () => {},
  });
  for (const path of ['/a', '/a?', '/a?b=c&d=%20?', '/?x']) {
    await sockets.get(`http://127.0.0.1:${server.port}${path}`, LIMITS);
  }
  await server.close();
  assert.deepEqual(seen, [
    ['/a', ''],
    ['/a', ''],
    ['/a', 'b=c&d=%20?'],
    ['/', 'x'],
  ]);
});
