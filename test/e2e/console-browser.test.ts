/** The console's page in Chromium, against real nodes: each panel, by mouse, by keys and on a phone. */

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import axe from 'axe-core';
import type { Browser, Locator, Page } from 'playwright-core';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import type { KeysView, PartName } from '../../src/console/contract.ts';
import { Identity, type Node } from '../../src/index.ts';
import { noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { BroadcasterCalls } from '../../src/pubsub/subscriber/calls.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import { RequestClient } from '../../src/request/index.ts';
import { SessionClient } from '../../src/session/index.ts';
import { consoleOf } from '../support/console.ts';
import { everythingOf, Tab, Workshop } from '../support/console-page.ts';
import { until } from '../support/lookup.ts';
import { launchChromium } from '../support/page.ts';
import { Webhooks } from '../support/webhooks.ts';

/** Of scripts and styles together, bytes as they are sent. */
const MOST_PAGE = 60 * 1024;
const PANELS: readonly (readonly [path: string, heading: string])[] = [
  ['', 'Overview'],
  ...['Feed', 'Topics', 'Peers', 'Chat', 'Lookup', 'Sessions', 'Bridges', 'Keys', 'Limits', 'Settings'].map(
    (heading) => [heading.toLowerCase(), heading] as const,
  ),
  ['try', 'Try it'],
];
const udpPort = randomInt(20_000, 50_000);
let workshop: Workshop;
let ada: Node;
let bob: Node;
let browser: Browser;
let tab: Tab;
let webhooks: Webhooks;

before(async () => {
  [workshop, browser, webhooks] = await Promise.all([Workshop.open(), launchChromium(), Webhooks.start()]);
  const bridges = [{ name: 'alarms', from: { topic: 'alarms/*' }, to: { lan: '/alarms/*' } }];
  [ada, bob] = await Promise.all([
    workshop.start('ada', udpPort, { bridges }),
    workshop.start('bob', udpPort),
  ]);
  tab = await Tab.open(browser, ada);
});
after(async () => {
  await browser.close();
  await Promise.all([ada, bob, webhooks].map((each) => each[Symbol.asyncDispose]()));
  workshop[Symbol.dispose]();
});

function addressOf(part: PartName): string {
  return ada.parts.find(({ name }) => name === part)?.addresses[0] ?? '';
}

/** Asks the node from outside. */
async function ask(...routes: readonly string[]): Promise<void> {
  await using client = await RequestClient.connect(addressOf('request'), { serverKey: ada.publicKey });
  for (const route of routes) await client.request(route).catch(() => {});
}

function button(page: Page | Locator, name: string | RegExp): Locator {
  return page.getByRole('button', { name, exact: typeof name === 'string' });
}

function field(page: Page | Locator, name: string): Locator {
  return page.getByLabel(name, { exact: true });
}

async function says(page: Page | Locator, text: string | RegExp): Promise<void> {
  await page.getByText(text).first().waitFor();
}

async function textOf(locator: Locator): Promise<string> {
  return (await locator.textContent()) ?? '';
}

test('the page is small, and whole: nothing in it is fetched from elsewhere', () => {
  const files = globSync('**/*.{js,css,html}', { cwd: workshop.page }).map((file) =>
    join(workshop.page, file),
  );
  const size = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
  console.log(`console page: ${(size / 1024).toFixed(1)} kB gzip`);
  assert.ok(size < MOST_PAGE, `${size} bytes`);
  assert.ok(files.length >= 3);
});

test('topics: listened to, published, and what became of each delivery', async () => {
  webhooks.setDown('away', true);
  const pattern = { kind: 'exact', topic: encodeUtf8('orders/new') } as const;
  const patience = { timeout: 10_000, retries: 0, backoff: { first: 1, tries: 1 } };
  const calls = new BroadcasterCalls({
    broadcasters: [addressOf('broadcaster')],
    auth: noneAuth(),
    ...patience,
  });
  await calls.subscribe(webhooks.urlOf('away'), { pattern, recovery: webhooks.recoveryOf('home') });
  const page = await tab.go('topics', 'Topics');
  await field(page, 'Topics').fill('orders/*');
  await button(page, 'Listen').click();
  await button(page, 'Stop listening to orders/*').waitFor();
  const form = page.getByRole('form', { name: 'Publish' });
  await field(form, 'Topic').fill('orders/new');
  await field(form, 'Message').fill('number 7');
  await button(form, 'Publish').click();
  await page.getByRole('list', { name: 'Heard' }).getByText('number 7').waitFor();
  await page.getByRole('table', { name: 'Subscriptions' }).getByText(webhooks.urlOf('away')).waitFor();
  const log = page.getByRole('table', { name: 'Deliveries, the newest first' });
  await log.getByText('failed', { exact: true }).first().waitFor();
  await field(page, 'Ended').selectOption('received');
  await log.getByText('failed', { exact: true }).waitFor({ state: 'detached' });
  await button(page, 'Stop listening to orders/*').click();
  await button(page, 'Stop listening to orders/*').waitFor({ state: 'detached' });
});

describe('the overview', () => {
  test('says who the node is, how its parts are, and what to try', async () => {
    const page = await tab.go('', 'Overview');
    await says(page, 'ada@test');
    const words = await page
      .getByLabel('The fingerprint of this node, in words')
      .getByRole('listitem')
      .allTextContents();
    assert.equal(words.join(' '), ada.publicKey.words);
    await says(page, addressOf('request'));
    const [command = ''] = await page.getByLabel(/^Command: Ask a question/).allTextContents();
    assert.ok(command.startsWith(`sotto call ${addressOf('request')} /time --server-key `), command);
  });

  test('draws what goes through as it goes', async () => {
    const page = await tab.go('', 'Overview');
    const chart = page.getByRole('img', { name: /^Messages a second/ });
    await ask('/time', '/time', '/where/nothing');
    await page.getByRole('img', { name: /^Messages a second\. request .* now, [1-9]/ }).waitFor();
    await page.getByRole('img', { name: /^Failures a second\. request .* [1-9]\d* at most/ }).waitFor();
    const before = await chart.screenshot();
    await ask(...Array.from({ length: 30 }, () => '/time'));
    await until(async () => !(await chart.screenshot()).equals(before));
    await page.getByText('The same as a table').click();
    await page.getByRole('table', { name: 'Traffic by job' }).getByText('request').waitFor();
  });
});

test('the feed is filtered, opened by keys, held, and sent again', async () => {
  await ask('/time', '/where/nothing', '/where/drill');
  const page = await tab.go('feed', 'Feed');
  const rows = page.locator('button.feed-row');
  await rows.filter({ hasText: '/where/drill' }).first().waitFor();
  await field(page, 'Answer').selectOption('failed');
  await until(async () => (await rows.allTextContents()).every((row) => row.includes('404')));
  await field(page, 'Answer').selectOption('');
  await field(page, 'Seal').selectOption('plain');
  await says(page, 'No message fits the filter.');
  await page.getByRole('link', { name: 'Show all' }).click();
  await page.keyboard.press('/');
  await page.keyboard.type('where/');
  await until(async () => (await rows.allTextContents()).every((row) => row.includes('/where/')));
  await rows.first().focus();
  const below = (await rows.allTextContents()).findIndex((row) => row.includes('/where/nothing'));
  for (let step = 0; step < below; step++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const details = page.locator('.details');
  await details.getByText('Nobody has seen a nothing').waitFor();
  assert.match(await textOf(details), /request over udp, from 127\.0\.0\.1/);
  await page.keyboard.press('Escape');
  await details.waitFor({ state: 'detached' });
  await button(page, 'Pause').click();
  await ask('/where/ladder');
  // A request may be sent again, and handled again, where the machine is slow.
  await button(page, /^Go on \(\d+ new\)$/).click();
  await rows.filter({ hasText: '/where/ladder' }).first().click();
  await page.getByRole('link', { name: 'Try this again' }).click();
  await page.getByRole('heading', { level: 1, name: 'Try it' }).waitFor();
  assert.equal(await field(page, 'Route').inputValue(), '/where/ladder');
});

describe('a form', () => {
  /** Fills in, sends, and gives the command, the program and the answer. */
  async function tried(
    job: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<{ readonly command: string; readonly code: string; readonly answer: string }> {
    const page = await tab.go('try', 'Try it');
    await page.getByRole('tab', { name: job }).click();
    for (const [name, content] of Object.entries(fields)) await field(page, name).fill(content);
    const command = await field(page, 'Equivalent command').allTextContents();
    const code = await textOf(field(page, 'Equivalent code'));
    const before = await page.locator('.history li').count();
    await button(page, 'Send').click();
    await page.locator('.history li').nth(before).waitFor();
    const answer = page.getByRole('region', { name: 'Answer' });
    return { command: command.join(''), code, answer: await textOf(answer) };
  }

  test('asks by requests and sessions', async () => {
    const where = await tried('Request', { Route: '/where/drill' });
    assert.match(where.command, /^sotto call udp:\/\/\S+ \/where\/drill --server-key sotto1/);
    assert.match(where.code, /RequestClient\.connect/);
    assert.match(where.answer, /answered.*after [\d.]+ ms.*the cellar/s);
    const nowhere = await tried('Request', { Route: '/where/love' });
    assert.match(nowhere.answer, /404.*Nobody has seen a love/s);
    const echo = await tried('Session', { Route: '/echo', Body: '{"a":1}' });
    assert.match(echo.code, /SessionClient\.connect/);
    assert.match(echo.answer, /"a": 1/);
    await says(tab.page, 'No command does this; a program does.');
    await says(tab.page, 'Tried before');
    await tab.page.getByRole('tab', { name: 'Request' }).click();
    await field(tab.page, 'Address').fill('nowhere');
    await button(tab.page, 'Send').click();
    await tab.page
      .getByRole('alert')
      .getByText(/nowhere/)
      .waitFor();
  });

  test('looks up, publishes, tells one and all', async () => {
    const row = await tried('Lookup', { Query: 'torch' });
    assert.match(row.command, /^sotto lookup query torch/);
    assert.match(row.answer, /the hall drawer/);
    const notified = await tried('Publish', { Topic: 'echo', Body: 'hello' });
    assert.match(notified.command, /^sotto pub http:\S+ echo hello/);
    assert.match(notified.answer, /"notified": 1/);
    await until(
      () => ada.running.peers?.peers.some((peer) => peer.kind === 'sealed' && peer.isVerified) ?? false,
    );
    const told = await tried('Peer', { Peer: 'bob', Route: '/echo', Body: 'hello' });
    assert.match(told.command, /^sotto tell bob \/echo hello/);
    assert.match(told.answer, /answered.*hello/s);
    const shouted = await tried('Everybody', { Route: '/echo', Body: 'hello' });
    assert.match(shouted.command, /^sotto shout \/echo hello/);
    assert.match(shouted.answer, /readable by all/);
  });
});

test('two people chat, each in a browser at a node of their own', async () => {
  await using other = await Tab.open(browser, bob);
  const [here, there] = await Promise.all([tab.go('chat', 'Chat'), other.go('chat', 'Chat')]);
  await says(there, 'lobby');
  await field(here, 'To lobby').fill('tea is ready');
  await button(here, 'Say').click();
  await there.getByRole('log').getByText('tea is ready').waitFor();
  await there.getByRole('log').getByText('plain').waitFor();
  await there.getByRole('link', { name: 'ada@test' }).click();
  await field(there, 'To ada@test').fill('the key is under the mat');
  await there.keyboard.press('Enter');
  await here.getByRole('link', { name: 'bob@test' }).click();
  await here.getByRole('log').getByText('the key is under the mat').waitFor();
  await here.getByRole('log').getByText('sealed').waitFor();
  await field(here, 'Another room').fill('music');
  await button(here, 'Go to the room').click();
  await here.getByRole('heading', { level: 2, name: 'music' }).waitFor();
  assert.deepEqual(other.complaints, []);
});

test('peers: their words compared, trusted, blocked, heard again', async () => {
  const page = await tab.go('peers', 'Peers');
  await page.getByText('key proved').waitFor();
  await button(page, 'Compare words with bob@test').click();
  const dialog = page.getByRole('dialog', { name: 'Is it really bob@test?' });
  const words = (name: string): Promise<string[]> =>
    dialog.getByLabel(name).getByRole('listitem').allTextContents();
  await button(dialog, 'Not now').waitFor();
  assert.equal((await words('The words of bob@test')).join(' '), bob.publicKey.words);
  assert.equal((await words('The words of this node')).join(' '), ada.publicKey.words);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await button(page, 'Compare words with bob@test').click();
  await button(dialog, 'They are the same: trust').click();
  await page.getByText('trusted', { exact: true }).waitFor();
  await button(page, 'Block: bob@test').click();
  await page.getByText('blocked', { exact: true }).waitFor();
  await button(page, 'Unblock: bob@test').click();
  await button(page, 'Block: bob@test').waitFor();
});

test('lookups complete, answer, and answer anew when the file is edited', async () => {
  const page = await tab.go('lookup', 'Lookup');
  await says(page, 'things.csv');
  const key = page.getByRole('combobox', { name: 'Key or query' });
  await key.pressSequentially('la');
  await page.getByRole('option', { name: 'ladder' }).waitFor();
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.getByRole('option', { name: 'ladder' }).getAttribute('aria-selected'), 'true');
  await page.keyboard.press('Enter');
  await says(page, /"place": "the garage"/);
  const file = join(workshop.folder, 'ada', 'things.csv');
  writeFileSync(file, readFileSync(file, 'utf8').replace('the garage', 'the roof'));
  await says(page, /"place": "the roof"/);
});

test('bridges show what they have carried', async () => {
  const page = await tab.go('bridges', 'Bridges');
  const row = page.getByRole('table', { name: 'Bridges' }).getByRole('row', { name: /^alarms/ });
  const carried = row.getByRole('cell').nth(3);
  assert.equal(await textOf(carried), '0');
  const url = addressOf('broadcaster');
  await using notifier = await Subscriber.connect({ broadcasters: url });
  await notifier.notify('alarms/fire', 'in the kitchen');
  await carried.getByText('1', { exact: true }).waitFor();
});

test('sessions are listed, pushed to, and closed', async () => {
  const identity = Identity.generate();
  const client = await SessionClient.connect(addressOf('sessions'), {
    serverKey: ada.publicKey,
    identity,
  });
  const pushed: unknown[] = [];
  client.on('/note', ({ body }) => void pushed.push(body));
  const closed = new Promise((resolve) => client.on('closed', resolve));
  const page = await tab.go('sessions', 'Sessions');
  const row = page.getByRole('row', { name: new RegExp(String(identity.publicKey).slice(0, 14)) });
  await button(row, 'Push').click();
  const dialog = page.getByRole('dialog');
  await field(dialog, 'Body').fill('tea');
  await field(dialog, 'Route').fill('no slash');
  await button(dialog, 'Push').click();
  await dialog.getByRole('alert').waitFor();
  await field(dialog, 'Route').fill('/note');
  await button(dialog, 'Push').click();
  await until(() => pushed.length === 1);
  assert.deepEqual(pushed, ['tea']);
  await dialog.waitFor({ state: 'detached' });
  await button(row, 'Close').click();
  await closed;
  await row.waitFor({ state: 'detached' });
  await client.close();
});

test('keys are made, shown as a picture, and changed for new ones', async () => {
  const page = await tab.go('keys', 'Keys');
  const before = ada.publicKey;
  await field(page, 'For whom, or what').fill('phone');
  await button(page, 'Make it').click();
  await button(page, 'Show QR code of phone').click();
  const drawn = await page
    .getByRole('img', { name: /QR code/ })
    .locator('path')
    .getAttribute('d');
  const { keys } = (await page.evaluate("fetch('/api/keys').then((answer) => answer.json())")) as KeysView;
  const { qr = [] } = keys.find(({ name }) => name === 'phone') ?? {};
  assert.deepEqual(modulesOf(drawn ?? '', qr.length), qr);
  await page.keyboard.press('Escape');
  await button(page, 'Rotate the node’s key').click();
  const dialog = page.getByRole('dialog', { name: 'Give the node a new key' });
  await field(dialog, 'Days that both are accepted').fill('7');
  await button(dialog, 'Rotate').click();
  await says(page, 'The node has a new key.');
  assert.notEqual(String(ada.publicKey), String(before));
  const previous = page.getByRole('listitem').filter({ hasText: String(before) });
  await previous.getByText(/^accepted until /).waitFor();
  await page
    .getByRole('listitem')
    .filter({ hasText: String(ada.publicKey) })
    .getByText('this node')
    .waitFor();
});

/** What a path of bars paints, without the quiet zone of 4. */
function modulesOf(path: string, size: number): boolean[][] {
  const modules = Array.from({ length: size }, () => Array.from({ length: size }, () => false));
  for (const [, x = '', y = '', run = ''] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    modules[Number(y) - 4]?.fill(true, Number(x) - 4, Number(x) - 4 + Number(run));
  }
  return modules;
}

test('limits, what was refused, and what the log warns of', async () => {
  ada.log.warn({}, 'something is odd');
  const page = await tab.go('limits', 'Limits');
  await says(page, 'something is odd');
  await page.getByRole('table', { name: 'Limits' }).getByText('maxDatagram').first().waitFor();
});

test('the config: what is wrong is said, what is right is put in force', async () => {
  const page = await tab.go('settings', 'Settings');
  const save = button(page, 'Check, save and apply');
  await page.getByRole('table', { name: 'Fields of the config' }).getByText('broadcaster.listen').waitFor();
  await field(page, 'Config').fill('{ "sessions": { "listen": 7 } }');
  await save.click();
  await page
    .getByRole('alert')
    .getByText(/sessions\.listen/)
    .waitFor();
  const config = everythingOf('ada', join(workshop.folder, 'ada'), udpPort);
  const sessions = { ...config.sessions, maxSessions: 5 };
  await field(page, 'Config').fill(JSON.stringify({ ...config, sessions }, null, 2));
  await save.click();
  await says(page, /^Saved\./);
  const { sessions: inForce } = ada.config;
  assert.ok(inForce !== false);
  assert.equal(inForce.maxSessions, 5);
});

test('by keys alone: from the menu to a form, and to its answer', async () => {
  const page = await tab.go('', 'Overview');
  await page.locator('body').click({ position: { x: 1, y: 1 } });
  const focusBy = async (name: string, most = 60): Promise<void> => {
    const wanted = page
      .locator(':focus')
      .and(page.getByRole('link', { name, exact: true }).or(page.getByRole('button', { name, exact: true })));
    for (let presses = 0; presses < most; presses++) {
      await page.keyboard.press('Tab');
      if ((await wanted.count()) > 0) return;
    }
    assert.fail(`${name} is not reached by Tab`);
  };
  await focusBy('Try it');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Try it' }).waitFor();
  await page.getByRole('tab', { name: 'Request' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await page.locator(':focus').textContent(), 'Request');
  await focusBy('Send');
  await page.keyboard.press('Enter');
  await says(page.getByRole('region', { name: 'Answer' }), /answered/);
  await page.reload();
  await page.keyboard.press('Tab');
  assert.equal(await page.locator(':focus').textContent(), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator(':focus').getAttribute('id'), 'content');
});

test('axe finds nothing that keeps people out, in light and in dark', async () => {
  await using shown = await Tab.open(browser, ada, { colorScheme: 'light' });
  await shown.page.evaluate(axe.source);
  for (const [path, heading] of PANELS) {
    await shown.go(path, heading);
    await shown.page.locator('main .loading').waitFor({ state: 'detached' });
    await OPENED[heading]?.(shown.page);
    assert.deepEqual(await shown.page.evaluate(violations('{}')), [], heading);
    await shown.page.emulateMedia({ colorScheme: 'dark' });
    // In the dark all is the same but the colours.
    assert.deepEqual(await shown.page.evaluate(violations(`{ runOnly: ['color-contrast'] }`)), [], heading);
    await shown.page.emulateMedia({ colorScheme: 'light' });
  }
  assert.deepEqual(shown.complaints, []);
});

/** What of a panel is looked at open. */
const OPENED: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  Feed: (page) => page.locator('button.feed-row').first().click(),
  Lookup: (page) => page.getByRole('combobox', { name: 'Key or query' }).pressSequentially('d'),
  Keys: (page) => button(page, 'Show QR code of phone').click(),
};

/** What axe-core finds, a line each. */
function violations(options: string): string {
  return `axe.run(${options}).then(({ violations }) =>
    violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html.slice(0, 120))].join(' ')))`;
}

test('on a phone nothing is wider than the screen, and the menu is at hand', async () => {
  await using phone = await Tab.open(browser, ada, {
    viewport: { width: 360, height: 740 },
    isMobile: true,
    hasTouch: true,
  });
  for (const [path, heading] of PANELS) {
    await phone.go(path, heading);
    await phone.page.locator('main .loading').waitFor({ state: 'detached' });
    const width = await phone.page.evaluate('document.documentElement.scrollWidth');
    assert.equal(width, 360, heading);
  }
  await phone.page.getByRole('link', { name: 'Feed' }).tap();
  await phone.page.getByRole('heading', { level: 1, name: 'Feed' }).waitFor();
});

test('what was missed, and announced since, is in the log of deliveries', async () => {
  const page = await tab.go('topics', 'Topics');
  await field(page, 'Ended').selectOption('missed-announced');
  const log = page.getByRole('table', { name: 'Deliveries, the newest first' });
  await log.getByText(webhooks.recoveryOf('home')).waitFor();
});

test('light or dark is chosen, and kept', async () => {
  const page = await tab.go('', 'Overview');
  const ground = (): Promise<unknown> => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const light = await ground();
  await button(page, 'Make it dark').click();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await button(page, 'Make it light').click();
  assert.equal(await ground(), light);
});

test('whoever is not let in is told how to get in', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(consoleOf(ada).address);
  await says(page, 'sotto console');
  await context.close();
});

test('in all this the page complained of nothing, and asked nobody else', () => {
  assert.deepEqual(tab.complaints, []);
});

test('a console that was away is found again, and what was missed is there', async () => {
  const page = await tab.go('feed', 'Feed');
  const { address } = consoleOf(ada);
  const { config } = ada;
  await ada.reload({ ...config, console: false });
  await says(page, 'the node does not answer; trying again');
  await ask('/where/torch');
  await ada.reload({ ...config, console: { listen: address } });
  await page.getByText('live', { exact: true }).waitFor();
  await page.locator('button.feed-row').filter({ hasText: '/where/torch' }).first().waitFor();
});

test('locking ends it in every browser', async () => {
  const page = await tab.go('settings', 'Settings');
  await button(page, 'Lock').click();
  await page.getByRole('heading', { level: 1, name: 'The console is locked' }).waitFor();
});
