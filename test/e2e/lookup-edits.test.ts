/** A file is edited in every way that programs edit files, while a thousand queries a second run: none fails, none sees half. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Identity, LookupClient, LookupServer, type Table } from '../../src/node/lookup.ts';
import { CollectingLog, until } from '../support/lookup.ts';

/** Queries sent each ms. */
const RATE = 2;

/** The whole suite on a file of so many rows. */
function editing(size: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-edits-'));
  const file = join(folder, 'stock.csv');

  /** A whole content of the file. */
  function content(version: number, rows = size): string {
    const lines = Array.from({ length: rows }, (_, row) => `item ${row},shelf ${row % 7},${version}`);
    return `name,place,version\n${lines.join('\n')}\n`;
  }

  function digestOf(rows: Iterable<unknown>): string {
    return createHash('sha256')
      .update(JSON.stringify([...rows]))
      .digest('base64');
  }

  /** What a whole content looks like to a query. */
  function digestOfContent(text: string): string {
    const [, ...lines] = text.trimEnd().split('\n');
    const rows = lines.map((line) => {
      const [name, place, version] = line.split(',');
      return [name, { name, place, version }];
    });
    return digestOf(rows);
  }

  const digests = new WeakMap<object, string>();

  /** Once for each reading of the file, so that a thousand a second cost little. */
  function cachedDigest(table: Table<unknown>): string {
    const known = digests.get(table);
    if (known !== undefined) return known;
    const digest = digestOf(table);
    digests.set(table, digest);
    return digest;
  }

  /** The contents that were ever whole on disk. */
  const whole = new Set<string>();
  let version = 0;

  /** The next content, allowed from now on. */
  function next(rows = size): string {
    version += 1;
    const text = content(version, rows);
    whole.add(digestOfContent(text));
    return text;
  }

  const identity = Identity.generate();
  const log = new CollectingLog();
  let server: LookupServer;
  let client: LookupClient;
  let querying = true;
  let asking: Promise<void>;
  let answers = 0;
  const failures: unknown[] = [];

  /** Asks and asks, and notes every answer that is not a whole file. */
  async function askOn(): Promise<void> {
    const inFlight = new Set<Promise<void>>();
    while (querying) {
      for (let count = 0; count < RATE; count++) {
        const one = client
          .query('')
          .then((digest) => {
            answers += 1;
            if (!whole.has(String(digest))) failures.push('half a file');
          })
          .catch((error: unknown) => void failures.push(error))
          .finally(() => inFlight.delete(one));
        inFlight.add(one);
      }
      await delay(1);
    }
    await Promise.all(inFlight);
  }

  const served = (): Promise<unknown> => client.query('');

  /** Until queries see what was written last. */
  async function seen(text: string): Promise<void> {
    const digest = digestOfContent(text);
    await until(async () => (await served()) === digest);
  }

  const statusOf = (): string => server.status.files[0]?.state ?? '';

  before(async () => {
    writeFileSync(file, next());
    server = await LookupServer.start({
      port: 0,
      files: { [file]: 'name' },
      identity,
      log,
      query: (_text, data) => cachedDigest(data['stock.csv'] as Table<unknown>),
    });
    const { host, port } = server.address;
    client = LookupClient.connect({ host, port, serverKey: identity.publicKey });
    asking = askOn();
  });

  after(async () => {
    querying = false;
    await asking;
    await client.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  /** Each a way in which programs write files; resolves with the content that queries should see at its end. */
  const WAYS: Readonly<Record<string, () => Promise<string> | string>> = {
    'overwritten in place'() {
      const text = next();
      writeFileSync(file, text);
      return text;
    },
    'written beside and renamed over'() {
      const text = next();
      writeFileSync(`${file}.tmp`, text);
      renameSync(`${file}.tmp`, file);
      return text;
    },
    'moved away as a backup, and written anew'() {
      const text = next();
      renameSync(file, `${file}~`);
      writeFileSync(file, text);
      return text;
    },
    'lengthened at its end'() {
      const old = readFileSync(file, 'utf8');
      const added = `one more,shelf 9,${version}\n`;
      whole.add(digestOfContent(old + added));
      appendFileSync(file, added);
      return old + added;
    },
    'written in pieces, with pauses within rows and between them'() {
      return inPieces(next(), [0.2, 0.5, 0.75]);
    },
    'written in pieces that end where rows end'() {
      return inPieces(next(), [0.3, 0.6], true);
    },
    'emptied first, and written a moment later': async () => {
      const text = next();
      truncateSync(file, 0);
      await delay(80);
      writeFileSync(file, text);
      return text;
    },
    'changed within a row, its length the same'() {
      const old = readFileSync(file, 'utf8');
      const text = old.replace('item 1234,shelf 2', 'item 1234,shelf X');
      assert.notEqual(text, old);
      whole.add(digestOfContent(text));
      const handle = openSync(file, 'r+');
      writeSync(handle, 'X', old.indexOf('item 1234,shelf 2') + 'item 1234,shelf '.length);
      closeSync(handle);
      return text;
    },
    'removed, and back after a while': async () => {
      unlinkSync(file);
      await delay(300);
      const text = next();
      writeFileSync(file, text);
      return text;
    },
    'shortened by many rows'() {
      const text = next(100);
      writeFileSync(file, text);
      return text;
    },
    'replaced by a link to another file'() {
      const text = next();
      const target = join(folder, 'elsewhere.csv');
      writeFileSync(target, text);
      unlinkSync(file);
      symlinkSync(target, file);
      return text;
    },
    'replaced by a copy that is older'() {
      const text = next();
      const copy = join(folder, 'old.csv');
      writeFileSync(copy, text);
      utimesSync(copy, 1_000_000, 1_000_000);
      rmSync(file);
      renameSync(copy, file);
      return text;
    },
  };

  async function inPieces(text: string, parts: readonly number[], atRows = false): Promise<string> {
    const ends = parts.map((part) => {
      const at = Math.floor(part * text.length);
      return atRows ? text.indexOf('\n', at) + 1 : at;
    });
    writeFileSync(file, '');
    let from = 0;
    for (const end of [...ends, text.length]) {
      appendFileSync(file, text.slice(from, end));
      from = end;
      await delay(40);
    }
    return text;
  }

  describe('is', () => {
    for (const [way, edit] of Object.entries(WAYS)) {
      test(way, async () => {
        await seen(await edit());
        assert.deepEqual(failures, []);
      });
    }

    test('touched but equal is not swapped', async () => {
      const { version: at } = server.status.files[0] ?? { version: -1 };
      const unchanged = server.status.counters.file_unchanged ?? 0;
      utimesSync(file, new Date(), new Date());
      await until(() => (server.status.counters.file_unchanged ?? 0) > unchanged);
      assert.equal(server.status.files[0]?.version, at);
      assert.deepEqual(failures, []);
    });

    test('broken is told, and what was there is still served', async () => {
      const good = readFileSync(file, 'utf8');
      const count = log.texts('warn').length;
      writeFileSync(file, 'name,place,version\nitem 0,"shelf 0,1\n');
      await until(() => statusOf() === 'broken');
      assert.match(server.status.files[0]?.problem ?? '', /opens a quote that is never closed/);
      assert.match(log.texts('warn').slice(count).join(), /cannot be used.*still served/);
      assert.equal(await served(), digestOfContent(good));
      const text = next();
      writeFileSync(file, text);
      await seen(text);
      assert.equal(statusOf(), 'current');
    });

    test('gone is told, and what was there is still served', async () => {
      const good = readFileSync(file, 'utf8');
      unlinkSync(file);
      await until(() => statusOf() === 'missing');
      assert.equal(await served(), digestOfContent(good));
      copyFileSync(`${file}~`, file);
      const back = readFileSync(file, 'utf8');
      await seen(back);
      assert.deepEqual(failures, []);
    });

    test('was asked for all the while', () => {
      assert.ok(answers > 1000, `only ${answers} answers`);
    });
  });
}

describe('a file that is read at once,', () => editing(3000));
describe('a file that a thread reads,', () => editing(20_000));
