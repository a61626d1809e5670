/** What the page's forms show: as bash reads it, and as a program says it. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import type { TryRequest } from '../../src/console/contract.ts';
import { type Asked, equivalentsOf, quoted } from '../../src/console/equivalents.ts';

const KEY = 'sotto1abc';
const since = 0;
const NODE: Asked = {
  publicKey: KEY,
  identity: '.sotto/identity.key',
  data: '.sotto',
  topicsAuth: null,
  parts: [
    { name: 'lookup', state: 'up', addresses: ['udp://0.0.0.0:9999', 'tcp://0.0.0.0:9999'], why: '', since },
    { name: 'broadcaster', state: 'up', addresses: ['http://[::]:3003'], why: '', since },
  ],
};
const ELSEWHERE: Asked = {
  ...NODE,
  data: '/srv/no de',
  identity: '/srv/no de/my key',
  topicsAuth: 's.json',
  parts: [],
};
const URL = 'udp://127.0.0.1:7878';

/** The words that bash hands to each of these commands; `<` and what came by standard input in front. */
function wordsOf(...commands: readonly (string | null)[]): string[][] {
  const script = `sotto() {
    if [ -p /dev/stdin ]; then printf '<%s\\0' "$(cat)"; fi
    printf '%s\\0' "$@"; printf '\\1'
  }
  ${commands.join('\n')}`;
  const printed = execFileSync('bash', ['-c', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return printed
    .split('\u0001')
    .slice(0, -1)
    .map((line) => line.split('\0').slice(0, -1));
}

describe('commands', () => {
  test('are read by bash as they were meant, whatever is in them', () => {
    const odd = `it's "$HOME" \`id\` !! \\ * ~ ; & | \n <two> lines\t#é`;
    const ask = (form: Partial<TryRequest>, node = NODE): string | null =>
      equivalentsOf({ as: 'anonymous', route: '/echo', body: '', url: URL, ...form } as TryRequest, node)
        .command;
    const [call, node, dashed, piped, tell, shout, pub, secret, look] = wordsOf(
      ask({ job: 'request', body: odd }),
      ask({ job: 'request', as: 'node', once: true, serverKey: 'sotto1other' }),
      ask({ job: 'request', body: '--help' }),
      ask({ job: 'request', body: '-' }),
      ask({ job: 'peers', peer: 'ada@desk', body: '{"a": 1}' }, ELSEWHERE),
      ask({ job: 'broadcast', route: '/news' }),
      ask({ job: 'pubsub', topic: odd, body: 'x' }),
      ask({ job: 'pubsub', topic: 't', body: '' }, ELSEWHERE),
      ask({ job: 'lookup', query: 'be*', tcp: true, as: 'node' }),
    );
    assert.deepEqual(call, ['call', URL, '/echo', odd, '--server-key', KEY]);
    assert.deepEqual(node, [
      ...['call', URL, '/echo', '--server-key', 'sotto1other', '--identity', '.sotto/identity.key', '--once'],
    ]);
    assert.deepEqual(dashed, ['call', '--server-key', KEY, '--', URL, '/echo', '--help']);
    assert.deepEqual(piped, ['<-', 'call', '--server-key', KEY, '--', URL, '/echo', '-']);
    assert.deepEqual(tell, [
      ...['tell', 'ada@desk', '/echo', '{"a": 1}', '--identity', '/srv/no de/my key'],
      ...['--pins', '/srv/no de/peers.json'],
    ]);
    assert.deepEqual(shout, ['shout', '/news']);
    assert.deepEqual(pub, ['pub', 'http://[::1]:3003', odd, 'x']);
    assert.deepEqual(secret, ['pub', 'http://127.0.0.1:3003', 't', '--auth', 's.json']);
    assert.deepEqual(look, [
      ...['lookup', 'query', 'be*', '--server-key', KEY, '--identity', '.sotto/identity.key', '--tcp'],
    ]);
    assert.equal(ask({ job: 'session' }), null);
  });

  test('name another place of lookups only where it is another', () => {
    const parts = [{ ...NODE.parts[0], addresses: ['udp://10.0.0.7:5000'] }] as Asked['parts'];
    const { command, code } = equivalentsOf(
      { job: 'lookup', as: 'anonymous', query: 'x' },
      { ...NODE, parts },
    );
    assert.equal(command, `sotto lookup query x --host 10.0.0.7 --port 5000 --server-key ${KEY}`);
    assert.match(code, /host: '10\.0\.0\.7', port: 5000/);
  });

  test('quote what needs it, and nothing else', () => {
    assert.deepEqual(['plain/x.y:1@2', '', "a'b", 'a b', '~x', 'ä', '$x', '[::1]'].map(quoted), [
      'plain/x.y:1@2',
      "''",
      "'a'\\''b'",
      "'a b'",
      "'~x'",
      "'ä'",
      "'$x'",
      "'[::1]'",
    ]);
  });
});

describe('programs', () => {
  /** What stands between the brackets after `name`, as JavaScript reads it. */
  function saidIn(code: string, name: string): unknown[] {
    const [, inside = ''] = new RegExp(`${name}\\((.*)\\)\\);\\n$`, 's').exec(code) ?? [];
    return Function(`return [${inside}];`)() as unknown[];
  }

  test('say bodies as they are asked: JSON as values, all else as text', () => {
    const bodies: readonly (readonly [string, unknown])[] = [
      ['hello', 'hello'],
      [`it's "so" \\ \n\u2028 \${x} \\" \\'`, `it's "so" \\ \n\u2028 \${x} \\" \\'`],
      ['"text"', 'text'],
      [' {"a": [1, null, true]} ', { a: [1, null, true] }],
      ['12', 12],
      ['012', '012'],
      ['{"__proto__": {"x": 1}}', JSON.parse('{"__proto__": {"x": 1}}')],
    ];
    for (const [body, meant] of bodies) {
      const form = { job: 'request', as: 'anonymous', url: URL, route: "/e'cho", body } as const;
      const [route, value, ...rest] = saidIn(equivalentsOf(form, NODE).code, 'client.request');
      assert.deepEqual([route, JSON.stringify(value), rest], ["/e'cho", JSON.stringify(meant), []]);
    }
  });

  test('leave out what is empty, but for what stands before something', () => {
    const form = {
      job: 'request',
      as: 'anonymous',
      url: `${URL},tcp://127.0.0.1:1`,
      route: '/x',
      body: '',
    } as const;
    assert.deepEqual(saidIn(equivalentsOf(form, NODE).code, 'client.request'), ['/x']);
    const once = equivalentsOf({ ...form, once: true }, NODE).code;
    assert.deepEqual(saidIn(once, 'client.request'), ['/x', undefined, { once: true }]);
    assert.match(once, /connect\(\['udp:\/\/127\.0\.0\.1:7878', 'tcp:\/\/127\.0\.0\.1:1'\]/);
  });
});
