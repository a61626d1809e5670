/** The lookup job over real sockets and real files. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import {
  type FileDescriptions,
  generateLegacyKey,
  Lookup,
  LookupClient,
  type LookupPage,
  LookupServer,
  type LookupServerOptions,
  lookup,
  readLegacyKey,
  readLegacyPublicKey,
  type WatchedRow,
} from '../../src/node/lookup.ts';
import { createApp, Identity, RequestClient, RequestServer } from '../../src/request/index.ts';
import { CollectingLog, until } from '../support/lookup.ts';
import { rawExchange } from '../support/raw-exchange.ts';

const root = mkdtempSync(join(tmpdir(), 'sotto-lookup-'));
after(() => rmSync(root, { recursive: true }));

const VEGETABLES =
  'name,type,colour\naubergine,vegetable,purple\nspinach,vegetable,green\nLettuce,vegetable,green\n';
const identity = Identity.generate();
const serverKey = identity.publicKey;
let folders = 0;

/** A folder of its own for each test, with files in it. */
function folderWith(files: Readonly<Record<string, string | Uint8Array>>): (name: string) => string {
  folders += 1;
  const folder = join(root, String(folders));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return (name) => join(folder, name);
}

async function withServer<const Files extends FileDescriptions>(
  options: Omit<LookupServerOptions<Files>, 'port' | 'identity'> & { files: Files },
  work: (
    server: LookupServer,
    place: { host: string; port: number; serverKey: typeof serverKey },
  ) => Promise<void>,
): Promise<void> {
  await using server = await LookupServer.start({ port: 0, identity, ...options });
  const { host, port } = server.address;
  await work(server, { host, port, serverKey });
}

describe('asking', () => {
  test('sealed, by datagram and by stream, with the built-in queries', async () => {
    const at = folderWith({ 'vegetables.csv': VEGETABLES });
    await withServer({ files: { [at('vegetables.csv')]: 'name' } }, async (_server, place) => {
      const spinach = { name: 'spinach', type: 'vegetable', colour: 'green' };
      for (const tcp of [false, true]) {
        assert.deepEqual(await lookup('spinach', { ...place, tcp }), spinach);
        assert.deepEqual(await lookup('SPINACH', { ...place, tcp }), spinach);
        assert.equal(await lookup('kale', { ...place, tcp }), null);
        const found = (await lookup('colour=Green', { ...place, tcp })) as LookupPage;
        assert.deepEqual(found.keys, ['spinach', 'Lettuce']);
        assert.deepEqual(await lookup({ find: 'L', match: 'prefix', as: 'keys' }, { ...place, tcp }), {
          keys: ['Lettuce'],
          next: null,
        });
        const text = await lookup({ find: 'nac', match: 'contains', as: 'text' }, { ...place, tcp });
        assert.equal(text, 'name: spinach, type: vegetable, colour: green');
      }
    });
  });

  test('what is no query is refused with the reason', async () => {
    const at = folderWith({ 'vegetables.csv': VEGETABLES });
    await withServer({ files: { [at('vegetables.csv')]: 'name' } }, async (_server, place) => {
      const refusals: readonly (readonly [unknown, RegExp])[] = [
        [12, /A query is text, or an object/],
        [{ look: 'x' }, /no part "look"/],
        [{ find: 'x', limit: 5000 }, /"limit" of a query is a whole number from 1 to 1000/],
        [{ find: 'x', match: 'near' }, /"match" of a query is one of/],
        [{ find: 'x', column: 'weight' }, /no column "weight"; its columns are name, type, colour/],
      ];
      for (const [query, message] of refusals) {
        await assert.rejects(lookup(query, place), { code: 'bad_request', message });
      }
    });
  });

  test('an answer longer than a datagram comes by TCP, without being asked for', async () => {
    const rows = Array.from({ length: 500 }, (_, row) => `item ${String(row).padStart(3, '0')},shelf ${row}`);
    const at = folderWith({ 'stock.csv': `name,place\n${rows.join('\n')}\n` });
    await withServer({ files: { [at('stock.csv')]: 'name' } }, async (server, place) => {
      const all = (await lookup({ find: 'item', match: 'prefix', limit: 1000 }, place)) as LookupPage;
      assert.equal(all.rows?.length, 500);
      assert.equal(server.status.counters.reply_too_large, 1);
    });
  });

  test('a function of one’s own sees every kind of file, by base name, typed', async () => {
    const at = folderWith({
      'by-name.csv': VEGETABLES,
      'by-number.csv': 'a,1\nb,2\na,3\n',
      'modified.csv': 'drill,shed\n',
      'document.json': '{"answer": [42]}',
      'tabs.tsv': 'name\tplace\ndrill\tin the "shed", left\n',
      'lines.jsonl': '{"id": 7, "name": "x"}\n{"id": 8, "name": "y"}\n',
      'packed.csv.gz': gzipSync(VEGETABLES),
      'anything.txt': 'some words',
    });
    const files = {
      [at('by-name.csv')]: 'name',
      [at('by-number.csv')]: 0,
      [at('modified.csv')]: ['label', (row: readonly string[]) => ({ label: row.join(' in ') })],
      [at('document.json')]: null,
      [at('tabs.tsv')]: 'name',
      [at('lines.jsonl')]: { key: 'id', indexes: ['name'] },
      [at('packed.csv.gz')]: 'name',
      [at('anything.txt')]: [
        (file: string, key: unknown) => `${readFileSync(file, 'utf8')} by ${key}`,
        'key',
      ],
    } as const;
    // A row function changes rows with a header; without one the key is a number.
    const { [at('modified.csv')]: _modified, ...others } = files;
    const answers: Record<string, (data: Readonly<Record<string, unknown>>) => unknown> = {
      'by-name.csv': (data) => Reflect.get(data['by-name.csv'] as object, 'spinach'),
      'by-number.csv': (data) => [...(data['by-number.csv'] as Iterable<unknown>)],
      'document.json': (data) => data['document.json'],
      'tabs.tsv': (data) => Reflect.get(data['tabs.tsv'] as object, 'drill'),
      'lines.jsonl': (data) =>
        (data['lines.jsonl'] as { by(key: string): Map<string, unknown> }).by('name').get('y'),
      'packed.csv.gz': (data) => Reflect.get(data['packed.csv.gz'] as object, 'aubergine'),
      'anything.txt': (data) => data['anything.txt'],
    };
    const expected: Record<string, unknown> = {
      'by-name.csv': { name: 'spinach', type: 'vegetable', colour: 'green' },
      'by-number.csv': [
        ['a', ['a', '3']],
        ['b', ['b', '2']],
      ],
      'document.json': { answer: [42] },
      'tabs.tsv': { name: 'drill', place: 'in the "shed", left' },
      'lines.jsonl': { id: 8, name: 'y' },
      'packed.csv.gz': { name: 'aubergine', type: 'vegetable', colour: 'purple' },
      'anything.txt': 'some words by key',
    };
    await withServer(
      { files: others, query: (text, data) => answers[text]?.(data as never) },
      async (_server, place) => {
        for (const [name, answer] of Object.entries(expected))
          assert.deepEqual(await lookup(name, place), answer);
      },
    );
    await using modified = await Lookup.open({
      files: { [at('modified.csv')]: [0, (row: readonly string[]) => [row.join(' in '), ...row]] },
    });
    const data = modified.data['modified.csv'] as Iterable<unknown>;
    assert.deepEqual([...data], [['drill in shed', ['drill in shed', 'drill', 'shed']]]);
  });

  test('types of the data follow from the descriptions', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    process.chdir(at('.'));
    try {
      await using opened = await Lookup.open({
        files: { 'stock.csv': 'name' },
        query: (text, data) => data['stock.csv'][text]?.colour?.toUpperCase() ?? null,
      });
      const colour: string | null | undefined = opened.data['stock.csv'].get('spinach')?.colour;
      assert.equal(colour, 'green');
      // @ts-expect-error there is no such file
      assert.equal(opened.data['other.csv'], undefined);
    } finally {
      process.chdir(root);
    }
  });

  test('a schema says what a query may be; without one a query of one’s own is text', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    const files = { [at('stock.csv')]: 'name' } as const;
    await withServer({ files, query: (text) => text.length }, async (_server, place) => {
      assert.equal(await lookup('four', place), 4);
      await assert.rejects(lookup({ find: 'x' }, place), { code: 'bad_request', message: /must be text/ });
    });
    await using server = await LookupServer.start({
      port: 0,
      identity,
      files,
      schema: z.object({ first: z.number(), second: z.number() }),
      query: ({ first, second }) => first + second,
    });
    const place = { ...server.address, serverKey };
    assert.equal(await lookup({ first: 1, second: 2 }, place), 3);
    await assert.rejects(lookup({ first: 'x' }, place), { code: 'bad_request', message: /first/ });
  });

  test('a folder by a pattern: files come and go', async () => {
    const at = folderWith({ 'a.csv': 'name,place\ndrill,shed\n' });
    await withServer({ files: { [at('*.csv')]: 'name' } }, async (server, place) => {
      assert.deepEqual(await lookup('drill', place), { name: 'drill', place: 'shed' });
      writeFileSync(at('b.csv'), 'name,place\nsaw,attic\n');
      await until(() => server.status.files.length === 2);
      assert.deepEqual(await lookup('saw', place), { name: 'saw', place: 'attic' });
      rmSync(at('a.csv'));
      await until(() => server.status.files.length === 1);
      assert.equal(await lookup('drill', place), null);
    });
  });

  test('what cannot be reached for a while is served as it was', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    await withServer({ files: { [at('stock.csv')]: 'name' } }, async (server, place) => {
      const row = await lookup('spinach', place);
      rmSync(at('stock.csv'));
      symlinkSync(at('stock.csv'), at('stock.csv')); // a link to itself
      await until(() => server.status.files[0]?.state === 'missing');
      assert.deepEqual(await lookup('spinach', place), row);
      rmSync(at('.'), { recursive: true }); // and its whole folder
      mkdirSync(at('.'));
      writeFileSync(at('stock.csv'), VEGETABLES.replace('green', 'dark green'));
      await until(() => server.status.files[0]?.state === 'current' && server.status.files[0].version > 1);
      assert.notDeepEqual(await lookup('spinach', place), row);
    });
  });

  test('pages go through several files', async () => {
    const lines = (from: number): string =>
      Array.from({ length: 30 }, (_, row) => `k${from + row},x\n`).join('');
    const at = folderWith({ 'a.csv': `name,p\n${lines(100)}`, 'b.csv': `name,p\n${lines(200)}` });
    await withServer({ files: { [at('a.csv')]: 'name', [at('b.csv')]: 'name' } }, async (_server, place) => {
      const keys: string[] = [];
      let after: string | null | undefined;
      do {
        const page = (await lookup(
          { find: 'k', match: 'prefix', limit: 7, as: 'keys', ...(after ? { after } : {}) },
          place,
        )) as LookupPage;
        keys.push(...page.keys);
        after = page.next;
      } while (after !== null);
      assert.equal(keys.length, 60);
      assert.equal(new Set(keys).size, 60);
    });
  });

  test('the same data through the request job', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    await using inventory = await Lookup.open({ files: { [at('stock.csv')]: 'name' } });
    const app = inventory.mount(createApp().on('/echo', (ctx) => ctx.body));
    await using server = await RequestServer.start(app, { identity, listen: ['udp://127.0.0.1:0'] });
    await using client = await RequestClient.connect(server.addresses[0] ?? '', { serverKey });
    assert.deepEqual(await client.request('/lookup', 'spinach'), {
      name: 'spinach',
      type: 'vegetable',
      colour: 'green',
    });
    const status = (await client.request('/lookup/status')) as { files: { path: string; rows: number }[] };
    assert.deepEqual(
      status.files.map(({ path, rows }) => [path, rows]),
      [['stock.csv', 3]],
    );
  });
});

describe('the wires of the original', () => {
  const plainQuery = new TextEncoder().encode('0pt0spinach\n');

  test('are silent unless asked for', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    await withServer({ files: { [at('stock.csv')]: 'name' } }, async ({ address, lookup }) => {
      assert.equal(await rawExchange('udp', address.port, plainQuery), null);
      assert.equal(await rawExchange('tcp', address.port, plainQuery), null);
      assert.equal(lookup.status.counters.scheme_not_allowed, 2);
    });
  });

  test('answer as the original does, over TCP too', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    await withServer({ files: { [at('stock.csv')]: 'name' }, schemes: ['plain'] }, async (_server, place) => {
      const row = { name: 'spinach', type: 'vegetable', colour: 'green' };
      const text = "{'name': 'spinach', 'type': 'vegetable', 'colour': 'green'}";
      for (const tcp of [false, true]) {
        const options = { ...place, tcp, scheme: 'plain' } as const;
        assert.equal(await lookup('spinach', options), text);
        assert.deepEqual(await lookup('spinach', { ...options, representation: 'j' }), row);
        assert.deepEqual(await lookup('spinach', { ...options, representation: 'p' }), row);
        assert.deepEqual(await lookup('spinach', { ...options, representation: 'c' }), row);
      }
    });
  });

  test('a reply over UDP has what their client can read, and ours gets the rest by TCP', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    const log = new CollectingLog();
    const long = 'é'.repeat(1000);
    const files = { [at('stock.csv')]: 'name' } as const;
    await withServer({ files, schemes: ['plain'], query: () => long, log }, async ({ address }, place) => {
      const reply = await rawExchange('udp', address.port, plainQuery);
      assert.equal(reply?.length, 1024);
      assert.equal(new TextDecoder('utf-8', { fatal: true }).decode(reply?.subarray(4)), 'é'.repeat(510));
      assert.match(log.texts('warn').join(), /cut to the 1024 bytes/);
      assert.equal(await lookup('x', { ...place, scheme: 'plain' }), long);
    });
  });

  test('no host gets more unsealed bytes than the budget', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    const files = { [at('stock.csv')]: 'name' } as const;
    await withServer(
      { files, schemes: ['plain'], query: () => 'x'.repeat(1000), unsealedReplyRate: 1000 },
      async ({ address, lookup }) => {
        const replies = await Promise.all(
          Array.from({ length: 8 }, () => rawExchange('udp', address.port, plainQuery)),
        );
        assert.ok(replies.filter((reply) => reply !== null).length <= 5);
        assert.ok((lookup.status.counters.reply_budget ?? 0) >= 3);
      },
    );
  });

  test('legacy encryption, a reply key for each user, and replies cut before they are encrypted', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    for (const name of ['server', 'alice', 'bob']) await generateLegacyKey(at(name), 'pass phrase');
    assert.equal(statSync(at('alice')).mode & 0o777, 0o600);
    const server = { query: await readLegacyKey(at('server')), passphrase: 'pass phrase' };
    const userKeys = async (name: string) => ({
      query: await readLegacyPublicKey(at('server.pub')),
      reply: await readLegacyKey(at(name)),
      passphrase: 'pass phrase',
    });
    const publicKeys: Readonly<Record<string, string>> = {
      alice: await readLegacyPublicKey(at('alice.pub')),
      bob: await readLegacyPublicKey(at('bob.pub')),
    };
    const log = new CollectingLog();
    await withServer(
      {
        files: { [at('stock.csv')]: 'name' },
        schemes: ['legacy-rsa'],
        legacyKeys: server,
        log,
        query(text, _data, ctx) {
          const [user = '', words = ''] = text.split(' ');
          const key = publicKeys[user];
          if (key) ctx.replyKey(key);
          return words === 'long' ? 'é'.repeat(1000) : `hello ${user}`;
        },
      },
      async ({ lookup: opened }, { host, port }) => {
        const ask = async (words: string, keys: string, tcp = false): Promise<unknown> =>
          lookup(words, {
            host,
            port,
            tcp,
            scheme: 'legacy-rsa',
            legacyKeys: await userKeys(keys),
            timeout: 1500,
          });
        assert.equal(await ask('alice', 'alice'), 'hello alice');
        assert.equal(await ask('bob', 'bob', true), 'hello bob');
        await assert.rejects(ask('bob', 'alice', true), { code: 'decrypt_failed' });
        await assert.rejects(ask('nobody', 'alice', true), { code: 'refused' });
        assert.equal(opened.status.counters.no_reply_key, 1);
        assert.equal(await ask('alice long', 'alice', true), 'é'.repeat(1000));
        assert.equal(await ask('alice long', 'alice'), 'é'.repeat(1000));
        assert.equal(opened.status.counters.reply_cut, 1);
        assert.match(log.texts('warn').join(), /legacy-rsa is on/);
      },
    );
  });

  test('a line without an end, a line without a limit, and silence: none of them keeps others waiting', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    const limits = { maxPacket: 4096 };
    await withServer(
      { files: { [at('stock.csv')]: 'name' }, schemes: ['plain'], limits },
      async ({ address }) => {
        const silent = connect(address.port, '127.0.0.1');
        await once(silent, 'connect');
        const half = connect(address.port, '127.0.0.1');
        half.write('0pt0spi');
        const endless = connect(address.port, '127.0.0.1');
        endless.on('error', () => {});
        endless.write('0pt0'.padEnd(8192, 'x'));
        await once(endless, 'close');
        assert.ok(await rawExchange('tcp', address.port, plainQuery));
        const [answer] = await Promise.all([once(half, 'data'), half.end('nach\n')]);
        assert.match(String(answer), /spinach/);
        silent.destroy();
      },
    );
  });

  test('whatever is sent, the server lives and answers the next', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    const legacy = await generateLegacyKey(at('key')).then(() => readLegacyKey(at('key')));
    const legacyKeys = { query: legacy, reply: await readLegacyPublicKey(at('key.pub')) };
    const files = { [at('stock.csv')]: 'name' } as const;
    const schemes = ['sealed', 'plain', 'legacy-rsa'] as const;
    await withServer({ files, schemes, legacyKeys }, async ({ address, lookup }) => {
      const noise = [
        '',
        '\n',
        '0',
        '0p\n',
        '0pt0\n',
        '0px0a\n',
        '0xt0a\n',
        '0pj0{\n',
        '0pp0\x80\x04cos\nsystem\n.\n',
        "0pp0cposix\nsystem\n(S'true'\ntR.\n",
        '0pc0/w==\n',
        '0Ht0AAAA\n',
        `0Ht0${'A'.repeat(400)}\n`,
        '0Sb0AAAA\n',
        `0Sb0${'A'.repeat(400)}\n`,
        '0Sb0!!!!\n',
        '\xff\xfe\xfd\xfc\xfb\n',
      ];
      for (const text of noise) {
        const packet = Uint8Array.from(text, (character) => character.charCodeAt(0));
        await Promise.all((['udp', 'tcp'] as const).map((way) => rawExchange(way, address.port, packet)));
      }
      assert.ok(await rawExchange('udp', address.port, plainQuery));
      const { counters } = lookup.status;
      for (const reason of [
        'invalid_message',
        'unsupported_cipher',
        'decrypt_failed',
        'invalid_body',
        'invalid_text',
      ]) {
        assert.ok((counters[reason] ?? 0) > 0, `${reason} in ${JSON.stringify(counters)}`);
      }
    });
  });
});

describe('writing back', () => {
  const STOCK = '\ufeffname,place,"count"\r\n"drill",shed,1\r\n\r\nsaw,"attic, left",2\r\n';
  const owner = Identity.generate();

  test('by those who may, keeping the file’s own manner', async () => {
    const at = folderWith({ 'stock.csv': STOCK });
    const file = at('stock.csv');
    await withServer(
      { files: { [file]: 'name' }, write: [owner.publicKey] },
      async ({ lookup: opened }, place) => {
        await using mine = LookupClient.connect({ ...place, identity: owner });
        await using other = LookupClient.connect({ ...place, identity: Identity.generate() });
        await using anonymous = LookupClient.connect(place);
        for (const client of [other, anonymous]) {
          await assert.rejects(client.set('saw', { count: 3 }), { code: 'not_allowed' });
        }
        assert.equal(readFileSync(file, 'utf8'), STOCK);
        assert.deepEqual(await mine.set('saw', { count: 3 }), {
          name: 'saw',
          place: 'attic, left',
          count: '3',
        });
        assert.equal(readFileSync(file, 'utf8'), STOCK.replace(',2', ',3'));
        assert.deepEqual(await mine.query('saw'), { name: 'saw', place: 'attic, left', count: '3' });
        assert.deepEqual(await mine.set('axe', { place: 'shed' }), { name: 'axe', place: 'shed', count: '' });
        assert.equal(await mine.set('axe', null), null);
        assert.equal(readFileSync(file, 'utf8'), STOCK.replace(',2', ',3'));
        await assert.rejects(mine.set('axe', null), { code: 'bad_request', message: /No row has the key/ });
        await assert.rejects(mine.set('saw', { colour: 'x' }), {
          code: 'bad_request',
          message: /no column "colour"/,
        });
        assert.equal(opened.status.counters.row_written, 3);
      },
    );
  });

  test('by a query function, for the sender it serves', async () => {
    const at = folderWith({ 'stock.csv': STOCK });
    await withServer(
      {
        files: { [at('stock.csv')]: 'name' },
        write: [owner.publicKey],
        query: async (text, _data, ctx) => {
          const [thing = '', place = ''] = text.split(' is in ');
          return ctx.update('stock.csv', thing, { place });
        },
      },
      async (_server, place) => {
        const row = await lookup('drill is in the cellar', { ...place, identity: owner });
        assert.deepEqual(row, { name: 'drill', place: 'the cellar', count: '1' });
        await assert.rejects(lookup('drill is in the attic', place), { code: 'not_allowed' });
      },
    );
  });

  test('checked by a schema', async () => {
    const at = folderWith({ 'stock.csv': STOCK });
    const schema = z.object({ name: z.string(), place: z.enum(['shed', 'attic, left']), count: z.string() });
    await using opened = await Lookup.open({ files: { [at('stock.csv')]: { key: 'name', schema } } });
    await opened.update('stock.csv', 'drill', { place: 'attic, left' });
    await assert.rejects(opened.update('stock.csv', 'drill', { place: 'moon' }), {
      status: 400,
      message: /place/,
    });
  });

  test('many at once lose nothing', async () => {
    const at = folderWith({ 'stock.csv': 'name,count\n' });
    await using opened = await Lookup.open({ files: { [at('stock.csv')]: 'name' } });
    await Promise.all(
      Array.from({ length: 50 }, (_, number) => opened.update('stock.csv', `k${number}`, { count: number })),
    );
    const lines = readFileSync(at('stock.csv'), 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      lines.slice(1),
      Array.from({ length: 50 }, (_, number) => `k${number},${number}`),
    );
  });

  test('a row that somebody else has changed is a conflict, and both versions are kept', async () => {
    const at = folderWith({ 'stock.csv': STOCK });
    const file = at('stock.csv');
    await using opened = await Lookup.open({ files: { [file]: 'name' } });
    const theirs = STOCK.replace('shed', 'cellar');
    writeFileSync(`${file}.new`, theirs);
    // Saved by a spreadsheet in the moment between what is served and what is written.
    const update = opened.update('stock.csv', 'drill', { place: 'attic' });
    renameSync(`${file}.new`, file);
    await assert.rejects(update, { code: 'conflict', message: /changed meanwhile.*stock.csv.conflicts/ });
    assert.equal(readFileSync(file, 'utf8'), theirs);
    const [kept] = conflictsOf(file);
    assert.deepEqual(kept?.ours, { place: 'attic' });
    assert.deepEqual(kept?.theirs, { name: 'drill', place: 'cellar', count: '1' });
    // Another row of the same saved file is no conflict.
    await opened.update('stock.csv', 'saw', { count: '9' });
    assert.equal(readFileSync(file, 'utf8'), theirs.replace(',2', ',9'));
  });

  test('what the asker saw may be named, and must still be so', async () => {
    const at = folderWith({ 'stock.csv': STOCK });
    await withServer(
      { files: { [at('stock.csv')]: 'name' }, write: [owner.publicKey] },
      async (_server, place) => {
        await using mine = LookupClient.connect({ ...place, identity: owner });
        const seen = await firstOf(mine.watch('drill'));
        await mine.set('drill', { place: 'cellar' });
        await assert.rejects(mine.set('drill', { place: 'attic' }, { tag: seen.tag }), { code: 'conflict' });
        const now = await firstOf(mine.watch('drill'));
        await mine.set('drill', { place: 'attic' }, { tag: now.tag });
      },
    );
  });

  test('a file that is open in a spreadsheet is left alone', async () => {
    const at = folderWith({ 'stock.csv': STOCK, '.~lock.stock.csv#': ',me,here,now,;' });
    await using opened = await Lookup.open({ files: { [at('stock.csv')]: 'name' } });
    await assert.rejects(opened.update('stock.csv', 'drill', { place: 'attic' }), {
      code: 'conflict',
      message: /open in a spreadsheet/,
    });
    assert.equal(readFileSync(at('stock.csv'), 'utf8'), STOCK);
    rmSync(at('.~lock.stock.csv#'));
    await opened.update('stock.csv', 'drill', { place: 'attic' });
  });

  test('a save from elsewhere that undoes a change is noticed, and both versions are kept', async () => {
    const at = folderWith({ 'stock.csv': STOCK });
    const file = at('stock.csv');
    const log = new CollectingLog();
    await using opened = await Lookup.open({ files: { [file]: 'name' }, log });
    await opened.update('stock.csv', 'drill', { place: 'attic' });
    writeFileSync(file, STOCK.replace('saw', 'axe')); // by a program that had opened it before
    await until(() => log.texts('warn').some((text) => text.includes('saved over this change')));
    const [kept] = conflictsOf(file);
    assert.deepEqual(kept?.ours, { name: 'drill', place: 'attic', count: '1' });
    assert.deepEqual(kept?.theirs, { name: 'drill', place: 'shed', count: '1' });
    assert.equal(opened.status.counters.row_overwritten, 1);
  });

  describe('a change that a crash interrupted', () => {
    const entry = {
      id: '1',
      at: new Date(0).toISOString(),
      by: null,
      key: 'drill',
      update: { place: 'attic' },
      before: { name: 'drill', place: 'shed', count: '1' },
      after: { name: 'drill', place: 'attic', count: '1' },
    };
    const cases = {
      'before the file was replaced is made at the next start': [STOCK, STOCK.replace('shed', 'attic'), 0],
      'after the file was replaced is not made again': [
        STOCK.replace('shed', 'attic'),
        STOCK.replace('shed', 'attic'),
        0,
      ],
      'and that somebody else has changed since is kept as a conflict': [
        STOCK.replace('shed', 'cellar'),
        STOCK.replace('shed', 'cellar'),
        1,
      ],
    } as const;
    for (const [name, [before, expected, conflicts]] of Object.entries(cases)) {
      test(name, async () => {
        const at = folderWith({ 'stock.csv': before });
        appendFileSync(at('.stock.csv.journal'), `${JSON.stringify(entry)}\n{"id": "2", "at`);
        for (let start = 0; start < 2; start++) {
          await using _opened = await Lookup.open({ files: { [at('stock.csv')]: 'name' } });
          assert.equal(readFileSync(at('stock.csv'), 'utf8'), expected);
          assert.equal(conflictsOf(at('stock.csv')).length, conflicts);
        }
      });
    }
  });

  test('what a crash left beside a file is removed, once nobody can be writing it', async () => {
    const at = folderWith({
      'stock.csv': STOCK,
      '.stock.csv.journal': '',
      '.stock.csv.0123456789ab.tmp': 'old',
      '.stock.csv.ba9876543210.tmp': 'of another process, now',
      '.other.csv.0123456789ab.tmp': 'old',
    });
    for (const name of ['stock', 'other']) utimesSync(at(`.${name}.csv.0123456789ab.tmp`), 1, 1);
    await using _opened = await Lookup.open({ files: { [at('stock.csv')]: 'name' } });
    const left = readdirSync(at('.')).filter((name) => name.endsWith('.tmp'));
    assert.deepEqual(left.sort(), ['.other.csv.0123456789ab.tmp', '.stock.csv.ba9876543210.tmp']);
  });

  test('files that cannot be written back say why', async () => {
    const at = folderWith({ 'a.csv': STOCK, 'b.csv.gz': gzipSync(STOCK), 'c.txt': 'x' });
    await using opened = await Lookup.open({
      files: {
        [at('a.csv')]: { key: 'name', row: (row: object) => ({ ...row }) },
        [at('b.csv.gz')]: 'name',
        [at('c.txt')]: () => 1,
      },
    });
    const reasons = {
      'a.csv': /made by a function/,
      'b.csv.gz': /is packed/,
      'c.txt': /read by a function/,
      'd.csv': /no file "d.csv"/,
    };
    for (const [file, message] of Object.entries(reasons)) {
      await assert.rejects(opened.update(file, 'drill', {}), { status: 400, message });
    }
  });
});

interface Kept {
  readonly ours: unknown;
  readonly theirs: unknown;
}

function conflictsOf(file: string): Kept[] {
  if (!existsSync(`${file}.conflicts`)) return [];
  const lines = readFileSync(`${file}.conflicts`, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Kept);
}

async function firstOf<T>(values: AsyncIterable<T>): Promise<T> {
  for await (const value of values) return value;
  return assert.fail('there was none');
}

describe('watching a row', () => {
  test('gives its state, and each change that is saved, over the network', async () => {
    const at = folderWith({ 'stock.csv': 'name,place\ndrill,shed\nsaw,attic\n' });
    const file = at('stock.csv');
    await withServer({ files: { [file]: 'name' } }, async (server, place) => {
      await using client = LookupClient.connect(place);
      const states = client.watch('drill');
      const stateOf = async (): Promise<unknown> => ((await states.next()).value as WatchedRow).row;
      assert.deepEqual(await stateOf(), { name: 'drill', place: 'shed' });
      const second = stateOf();
      await until(() => server.status.watches === 1);
      writeFileSync(file, 'name,place\ndrill,shed\nsaw,cellar\n'); // another row: nobody is told
      await until(() => (server.status.counters.file_swapped ?? 0) === 1);
      assert.equal(server.status.watches, 1);
      writeFileSync(file, 'name,place\ndrill,cellar\nsaw,cellar\n');
      assert.deepEqual(await second, { name: 'drill', place: 'cellar' });
      const third = stateOf();
      writeFileSync(file, 'name,place\nsaw,cellar\n');
      assert.equal(await third, null);
      await states.return();
    });
  });

  test('outlasts a restart of the server, and loses no change over it', async () => {
    const at = folderWith({ 'stock.csv': 'name,place\ndrill,shed\n' });
    const files = { [at('stock.csv')]: 'name' } as const;
    const first = await LookupServer.start({ port: 0, identity, files });
    const { host, port } = first.address;
    await using client = LookupClient.connect({ host, port, serverKey });
    const states = client.watch('drill');
    assert.equal((await states.next()).done, false);
    const changed = states.next();
    await until(() => first.status.watches === 1);
    await first.close();
    writeFileSync(at('stock.csv'), 'name,place\ndrill,attic\n');
    await using _second = await LookupServer.start({ host, port, identity, files });
    assert.deepEqual(((await changed).value as WatchedRow).row, { name: 'drill', place: 'attic' });
    await states.return();
  });

  test('in a query function, and by the program itself', async () => {
    const at = folderWith({ 'stock.csv': 'name,place\ndrill,shed\n' });
    await using opened = await Lookup.open({ files: { [at('stock.csv')]: 'name' } });
    const stopping = new AbortController();
    const states = opened.watch('drill', { signal: stopping.signal });
    assert.deepEqual(((await states.next()).value as WatchedRow).row, { name: 'drill', place: 'shed' });
    const changed = states.next();
    await opened.update('stock.csv', 'drill', { place: 'attic' });
    assert.deepEqual(((await changed).value as WatchedRow).row, { name: 'drill', place: 'attic' });
    const ended = states.next();
    stopping.abort();
    assert.equal((await ended).done, true);
  });

  test('no more than may be are watched at one time', async () => {
    const at = folderWith({ 'stock.csv': 'name,place\ndrill,shed\n' });
    for (const limit of [{ maxWatches: 1 }, { maxWatchesPerHost: 1 }])
      await withServer({ files: { [at('stock.csv')]: 'name' }, ...limit }, async (server, place) => {
        await using client = LookupClient.connect({ ...place, tcp: true });
        const { tag } = await firstOf(client.watch('drill'));
        const waiting = client.request('/lookup/watch', { key: 'drill', since: tag, wait: 300 });
        await until(() => server.status.watches === 1);
        await assert.rejects(client.request('/lookup/watch', { key: 'drill', since: tag }), {
          code: 'unavailable',
        });
        assert.equal(((await waiting) as WatchedRow).tag, tag);
      });
  });
});

describe('starting', () => {
  const refusals: Readonly<Record<string, readonly [Partial<LookupServerOptions>, object]>> = {
    'no files': [{ files: {} }, { code: 'invalid_option', message: /names no file/ }],
    'a file that is not there': [
      { files: { 'no-such.csv': 'name' } },
      { code: 'file_unreadable', message: /no-such.csv does not exist/ },
    ],
    'a description that is none': [
      { files: { 'x.csv': true as never } },
      { code: 'invalid_option', message: /not understood/ },
    ],
    'sealed without an identity': [
      { identity: undefined as never },
      { code: 'invalid_option', message: /identity/ },
    ],
    'legacy without keys': [{ schemes: ['legacy-rsa'] }, { code: 'invalid_option', message: /legacyKeys/ }],
    'an unknown scheme': [{ schemes: ['rot13' as never] }, { code: 'invalid_option', message: /rot13/ }],
    'a port that is none': [{ port: 70_000 }, { code: 'invalid_option', message: /port/ }],
  };
  for (const [name, [options, expected]] of Object.entries(refusals)) {
    test(`${name} is refused with the reason`, async () => {
      const at = folderWith({ 'stock.csv': VEGETABLES });
      const start = LookupServer.start({
        port: 0,
        identity,
        files: { [at('stock.csv')]: 'name' },
        ...options,
      });
      await assert.rejects(start, expected);
    });
  }

  test('a column that the file does not have, text that is not UTF-8, a file over the limit', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES, 'latin.csv': new Uint8Array([0x61, 0x2c, 0xe9, 0x0a]) });
    await assert.rejects(Lookup.open({ files: { [at('stock.csv')]: 'weight' } }), {
      code: 'file_invalid',
      message: /no column "weight"; its columns are name, type, colour/,
    });
    await assert.rejects(Lookup.open({ files: { [at('latin.csv')]: 0 } }), {
      code: 'file_invalid',
      message: /UTF-8/,
    });
    const small = Lookup.open({ files: { [at('stock.csv')]: 'name' }, maxFileSize: 10 });
    await assert.rejects(small, { code: 'file_too_large', message: /10 is the limit/ });
  });

  test('two at one port: the second says so', async () => {
    const at = folderWith({ 'stock.csv': VEGETABLES });
    const files = { [at('stock.csv')]: 'name' } as const;
    await withServer({ files }, async (_server, { port }) => {
      await assert.rejects(LookupServer.start({ port, identity, files }), { code: 'address_in_use' });
    });
  });
});
