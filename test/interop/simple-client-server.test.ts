/** A Python peer, written from the specification alone, against ours: both directions, both transports. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LookupServer, lookup } from '../../src/node/lookup.ts';

const PEER = fileURLToPath(new URL('../support/simple_client_server.py', import.meta.url));
const KEYS = fileURLToPath(new URL('../../conformance/vectors/simple-client-server.json', import.meta.url));
const run = promisify(execFile);

const { keys } = JSON.parse(readFileSync(KEYS, 'utf8')) as {
  keys: Record<'query' | 'reply', { privatePem: string; publicPem: string }>;
};
const WAYS = ['udp', 'tcp'] as const;

test('their client asks our server', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-python-'));
  const file = join(folder, 'demo-main.csv');
  writeFileSync(file, 'aubergine,vegetable,purple\nspinach,vegetable,green\ncafé,drink,brown\n');
  await using server = await LookupServer.start({
    port: 0,
    files: { [file]: 0 },
    schemes: ['plain', 'legacy-rsa'],
    legacyKeys: { query: keys.query.privatePem, reply: keys.reply.publicPem },
  });
  for (const way of WAYS) {
    for (const scheme of ['p', 'H']) {
      for (const representation of ['t', 'j', 'p']) {
        for (const [word, type, colour] of [
          ['spinach', 'vegetable', 'green'],
          ['café', 'drink', 'brown'],
        ]) {
          const args = [KEYS, 'client', String(server.address.port), way, scheme, representation, word ?? ''];
          const { stdout } = await run('python3', [PEER, ...args]);
          const row = `['${word}', '${type}', '${colour}']`;
          // Python shows text once more in quotes.
          assert.equal(stdout.trim(), representation === 't' ? `"${row}"` : row, args.join(' '));
        }
      }
    }
  }
  rmSync(folder, { recursive: true });
});

describe('our client asks their server', async () => {
  const table = { spinach: 'green', 'two words': ['a', 1, null], long: 'x'.repeat(3000) };
  const child = spawn('python3', [PEER, KEYS, 'server', JSON.stringify(table)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const port = Number(line);
  const legacyKeys = { query: keys.query.publicPem, reply: keys.reply.privatePem };

  for (const tcp of [false, true]) {
    test(`encrypted, over ${tcp ? 'TCP' : 'UDP'}`, async () => {
      const options = { port, tcp, scheme: 'legacy-rsa', legacyKeys } as const;
      for (const representation of ['j', 'p', 'a'] as const) {
        assert.equal(await lookup('spinach', { ...options, representation }), 'green');
      }
      assert.deepEqual(await lookup('two words', { ...options, representation: 'j' }), ['a', 1, null]);
      assert.equal(await lookup('two words', options), "['a', 1, None]");
      assert.equal(await lookup('long', options), table.long);
    });
  }

  test('plain, over UDP alone', async () => {
    const options = { port, scheme: 'plain' } as const;
    assert.equal(await lookup('spinach', options), 'green');
    assert.deepEqual(await lookup('two words', { ...options, representation: 'p' }), ['a', 1, null]);
    assert.equal(await lookup('long', options), table.long); // ours reads a datagram whole
    await assert.rejects(lookup('spinach', { ...options, tcp: true }), { code: 'refused' });
  });

  test('the peer ends', async () => {
    child.kill();
    await once(child, 'exit');
  });
});
