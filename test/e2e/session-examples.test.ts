/** The examples of sessions, as processes, used as their readers would. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { Identity } from '../../src/keys/identity.ts';
import { SessionClient } from '../../src/session/client.ts';
import { launchChromium } from '../support/page.ts';
import { Program } from '../support/program.ts';
import { StagedPackage } from '../support/staged.ts';

const staged = new StagedPackage();
after(() => staged[Symbol.dispose]());

function start(file: string, ...words: readonly string[]): Program {
  return new Program(staged.folder, join('examples', 'session', file), ...words);
}

/** The command that a server prints, run with these words added. */
async function startPrinted(server: Program, ...more: readonly string[]): Promise<Program> {
  const [, ...words] = (await server.says(/^node examples/)).replaceAll("'", '').split(' ');
  return new Program(staged.folder, ...words, ...more);
}

/** As printed, but for the last words. */
async function startInstead(server: Program, ...last: readonly string[]): Promise<Program> {
  const [, file = '', url = '', key = ''] = (await server.says(/^node examples/)).split(' ');
  return new Program(staged.folder, file, url, key, ...last);
}

describe('the smallest', () => {
  test('asks over HTTP under a secret, and again under fresh keys', async () => {
    await using server = start('basic/server.ts', 'yellow-submarine', '0');
    await using client = await startPrinted(server);
    assert.equal(await client.ended(), 0, client.lines.entries.join('\n'));
    assert.deepEqual(client.lines.entries, Array(2).fill("{ 'Look Mom': 'No Hands!' }"));
    await server.says('received: under fresh keys');
  });

  test('asks, is told and takes a stream by WebSocket', async () => {
    await using server = start('basic-websocket/server.ts', '0');
    await using client = await startPrinted(server);
    assert.equal(await client.ended(), 0, client.lines.entries.join('\n'));
    assert.deepEqual(client.lines.entries, ['HELLO', 'tea is ready', '3', '2', '1']);
  });
});

describe('the chat', () => {
  test('has rooms, presence, proved and claimed names, fresh keys, and no escape codes of others', async () => {
    await using server = start('chat/server.ts', '0');
    await using ada = await startInstead(server, 'ada', 'ada.key');
    await ada.says('* You are ada, in lobby. /help');
    await using bob = await startInstead(server, 'bob');
    await ada.says('* ~bob comes in');
    await bob.says('* You are bob, in lobby. /help');

    bob.type('hello \u001b[31mred\u0007 \u202egnorw');
    await ada.says('~bob: hello [31mred gnorw');
    ada.type('/rekey', 'is this fresh?');
    await ada.says('* Fresh keys, from now on.');
    await bob.says('ada: is this fresh?');

    bob.type('/join kitchen');
    await bob.says('* You are in kitchen.');
    await ada.says('* ~bob leaves');
    ada.type('nobody hears this', '/who', '/join kitchen', 'tea?');
    await ada.says(/^ {2}ada( [a-z]+){8}$/);
    await bob.says('* ada comes in');
    await bob.says('ada: tea?');
    assert.ok(!bob.lines.entries.includes('ada: nobody hears this'));

    bob.type('/join a/b', '/quit');
    await bob.says(/^\* The body does not fit: a room has up to 30 letters/);
    assert.equal(await bob.ended(), 0);
    await ada.says('* ~bob leaves');
  });

  test('a name that a key has used is nobody else’s, also when its owner is away', async () => {
    await using server = start('chat/server.ts', '0');
    const ada = await startInstead(server, 'ada', 'ada.key');
    ada.type('/quit');
    assert.equal(await ada.ended(), 0);
    for (const words of [['Ada'], ['ada', 'mallory.key']]) {
      await using mallory = await startInstead(server, ...words);
      await mallory.says(/^\* (A|a)da is somebody else\.$/);
      assert.equal(await mallory.ended(), 0);
    }
    await using again = await startInstead(server, 'ada', 'ada.key');
    await again.says('* You are ada, in lobby. /help');
  });
});

describe('the world', () => {
  let browser: Browser;
  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser?.close());

  async function stepAshore(
    url: string,
    name: string,
    viewport = { width: 1280, height: 800 },
  ): Promise<Page> {
    const page = await browser.newPage({ viewport });
    await page.goto(url);
    await page.fill('#welcome input', name);
    await page.click('#welcome button');
    return page;
  }

  async function act(page: Page, line: string): Promise<void> {
    await page.fill('#prompt input', line);
    await page.press('#prompt input', 'Enter');
  }

  test('two pages and a terminal see each other come, speak, take, drop and go', async () => {
    await using server = start('mud/server.ts', '0', '0');
    const url = await server.says(/^http:/);
    const ada = await stepAshore(url, 'ada');
    await ada.getByRole('heading', { name: 'The harbour' }).waitFor();
    await ada.locator('#welcome').waitFor({ state: 'hidden' });
    const bob = await stepAshore(url, 'bob', { width: 390, height: 780 });
    await ada.getByText('bob steps off a boat.').waitFor();
    await using cleo = await startInstead(server, 'cleo');
    await cleo.says('With you: ada, bob');
    await bob.locator('#people').getByText('cleo').waitFor();

    await act(bob, 'take rope');
    await ada.getByText('bob takes the rope.').waitFor();
    assert.equal(await ada.locator('#things').getByText('rope').count(), 0);
    await bob.locator('#bag').getByRole('button', { name: 'rope' }).click();
    await ada.locator('#things').getByText('rope').waitFor();
    await cleo.says('bob drops the rope.');

    await act(ada, '<b>who</b> is there?');
    await bob.getByText('ada says: <b>who</b> is there?').waitFor();
    cleo.type('say me', 'who', 'north', 'look', 'dance', 'take moon');
    await bob.getByText('cleo says: me').waitFor();
    await cleo.says('bob: The harbour');
    await cleo.says('Exits: south, down');
    await cleo.says(/^Nobody knows how to do that here/);
    await cleo.says('There is no moon here.');
    await bob.locator('#exits').getByRole('button', { name: 'north' }).click();
    await bob.getByRole('heading', { name: 'The tavern' }).waitFor();
    await ada.getByText('bob goes north.').waitFor();
    await cleo.says('bob comes in.');

    await cleo[Symbol.asyncDispose]();
    await bob.getByText('cleo stares into the distance.').waitFor();
    if (process.env.SCREENSHOTS) {
      await ada.screenshot({ path: join(process.env.SCREENSHOTS, 'wide.png') });
      await bob.screenshot({ path: join(process.env.SCREENSHOTS, 'narrow.png') });
    }
  });

  test('a name is taken once', async () => {
    await using server = start('mud/server.ts', '0', '0');
    const url = await server.says(/^http:/);
    const ada = await stepAshore(url, 'ada');
    await ada.getByRole('heading', { name: 'The harbour' }).waitFor();
    const other = await stepAshore(url, 'Ada');
    await other.getByText('There is a Ada already.').waitFor();
    await other.fill('#welcome input', 'dora');
    await other.click('#welcome button');
    await ada.getByText('dora steps off a boat.').waitFor();
  });
});

describe('the task runner', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-tasks-'));
  const key = join(folder, 'ada.key');
  const auditLog = join(folder, 'audit.log');
  let server: Program;

  before(async () => {
    server = start('tasks/server.ts', folder, '0');
    await using stranger = await startInstead(server, key);
    const line = await stranger.says(/^sotto1/);
    assert.equal(await stranger.ended(), 1);
    writeFileSync(join(folder, 'operators.txt'), `# who may\n${line.replace('NAME', 'ada')}\n`);
  });
  after(() => server[Symbol.asyncDispose]());

  function operator(...words: readonly string[]): Promise<Program> {
    return startInstead(server, key, ...words);
  }

  function audited(): readonly Record<string, unknown>[] {
    return readFileSync(auditLog, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  test('lists its tasks to operators, and refuses strangers', async () => {
    await using ada = await operator();
    assert.equal(await ada.ended(), 0, ada.lines.entries.join('\n'));
    assert.ok(ada.lines.entries.some((line) => line.startsWith('uptime ')));
    await using stranger = await startInstead(server, join(folder, 'stranger.key'), 'uptime');
    await stranger.says(/does not take this client/);
    assert.equal(await stranger.ended(), 1);
  });

  test('streams the output, tells how it ended, and writes down who ran what', async () => {
    await using ada = await operator('count', 'to=3');
    assert.equal(await ada.ended(), 0);
    assert.deepEqual([...ada.lines.entries].sort(), ['1', '2', '3', 'ended with 0']);
    const mine = audited().filter(({ task }) => task === 'count');
    assert.deepEqual(
      mine.map(({ who, words, result }) => ({ who, words, result })),
      ['begun', 'ended with 0'].map((result) => ({ who: 'ada', words: { to: '3' }, result })),
    );
    for (const { at, key } of mine) assert.match(`${at} ${key}`, /^\d{4}-\S+Z sotto1\w+$/);
    assert.equal(statSync(auditLog).mode & 0o777, 0o600);
  });

  test('refuses what is on no list, and words that do not fit: no shell, no other folder', async () => {
    const cases = [
      [['sh', '-c=id'], 'There is no such task.'],
      [['../../bin/sh'], 'There is no such task.'],
      [['disk', 'folder=/;id'], /^Those words do not fit/],
      [['count', 'to=3', 'more=4'], /^Those words do not fit/],
      [['count', 'to=$(id)'], /^Those words do not fit/],
    ] as const;
    for (const [words, message] of cases) {
      await using ada = await operator(...words);
      await ada.says(message);
      assert.equal(await ada.ended(), 1);
    }
    assert.ok(audited().some(({ task, result }) => task === 'sh' && result === 'There is no such task.'));
  });

  test('is cancelled while it runs', async () => {
    await using ada = await operator('audit');
    await ada.says(/"task":"audit".*"result":"begun"/);
    await using watcher = await operator('audit');
    ada.signal('SIGINT');
    assert.equal(await ada.ended(), 1);
    await watcher.says(/"task":"audit".*"result":"cancelled"/);
  });

  test('stops what takes too long, or says too much', async () => {
    await using slow = await operator('nap', 'seconds=60');
    await using long = await operator('count', 'to=1000000');
    await long.says('stopped after 262144 bytes');
    await slow.says('stopped after 2000 ms');
  });

  test('who is struck out is out, also with a session that goes on', async () => {
    const [, , url = '', serverKey = ''] = (await server.says(/^node examples/)).split(' ');
    await using client = await SessionClient.connect(url, { serverKey, identity: await Identity.load(key) });
    assert.ok(Array.isArray(await client.request('/tasks')));
    const operators = join(folder, 'operators.txt');
    const list = readFileSync(operators, 'utf8');
    writeFileSync(operators, '');
    await assert.rejects(client.request('/tasks'), { status: 403 });
    await using again = await operator('uptime');
    await again.says(/does not take this client/);
    writeFileSync(operators, list);
    assert.ok(Array.isArray(await client.request('/tasks')));
  });

  test('a server that is stopped stops what runs', async () => {
    await using ada = await operator('audit');
    await ada.says(/"task":"audit".*"result":"begun"/);
    server.signal('SIGTERM');
    assert.equal(await server.ended(), 0);
    assert.equal(await ada.ended(), 1);
    assert.equal(audited().at(-1)?.result, 'cancelled');
  });
});
