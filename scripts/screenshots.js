// Makes docs/images/console-*.png: a node with some traffic and two neighbours, for a minute, seen in Chromium. Run by
// hand where the page has changed: `npm run build:console && node scripts/screenshots.js [SECONDS]`.

import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LookupClient } from '../src/lookup/client.ts';
import { Subscriber } from '../src/pubsub/subscriber/subscriber.ts';
import { RequestClient } from '../src/request/index.ts';
import { SessionClient } from '../src/session/index.ts';
import { Browser, consoleOf } from '../test/support/console.ts';
import { everythingOf, Tab, Workshop } from '../test/support/console-page.ts';
import { launchChromium } from '../test/support/page.ts';

const FOLDER = 'docs/images';
const WIDE = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const seconds = Number(process.argv[2] ?? 62);
const udpPort = randomInt(20_000, 50_000);

mkdirSync(FOLDER, { recursive: true });
using workshop = new Workshop('dist/console/page');
await using ada = await startNode('ada', 'workshop');
await using bob = await startNode('bob', 'kitchen');
await using cleo = await startNode('cleo', 'attic');
const browser = await launchChromium();
const traffic = makeTraffic(seconds);
await shoot('overview', 'light', WIDE, async () => {
  await traffic;
});
await shoot('feed', 'dark', WIDE, async ({ page, go }) => {
  await go('feed', 'Feed');
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.locator('button.feed-row').filter({ hasText: 'bob@kitchen' }).first().click();
});
await shoot('try', 'light', WIDE, async ({ page, go }) => {
  await go('try?route=%2Fwhere%2Fdrill', 'Try it');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('answered').waitFor();
});
await shoot('chat', 'dark', WIDE, async ({ page, go }) => {
  await chatter();
  await go('chat', 'Chat');
  await page.getByRole('link', { name: 'bob@kitchen' }).click();
  await page.getByText('The left shelf').waitFor();
});
await shoot('phone', 'light', PHONE, async ({ page, go }) => {
  await go('peers', 'Peers');
  await page.getByRole('heading', { name: 'bob@kitchen' }).waitFor();
});
await browser.close();

/**
 * @param {string} user
 * @param {string} hostname
 */
function startNode(user, hostname) {
  const { peers } = everythingOf(user, '', udpPort);
  return workshop.start(user, udpPort, { peers: { ...peers, hostname } });
}

async function shoot(name, colorScheme, options, work) {
  await using tab = await Tab.open(browser, ada, { colorScheme, ...options });
  await work({ page: tab.page, go: (path, heading) => tab.go(path, heading) });
  // A last second for what comes by events.
  await delay(1200);
  await tab.page.screenshot({ path: join(FOLDER, `console-${name}.png`) });
}

/** A house in which things are asked for, with a failure now and then. */
async function makeTraffic(duration) {
  const { publicKey, running } = ada;
  const at = (part) => ada.parts.find(({ name }) => name === part)?.addresses ?? [];
  const serverKey = publicKey;
  const identity = bob.identity;
  await using requests = await RequestClient.connect(at('request')[0], { serverKey, identity });
  await using session = await SessionClient.connect(at('sessions')[0], { serverKey });
  await using notifier = await Subscriber.connect({ broadcasters: at('broadcaster')[0] });
  const { hostname, port } = new URL(`udp://${running.lookup.address}`);
  await using lookups = LookupClient.connect({ host: hostname, port: Number(port), serverKey });
  const things = ['drill', 'ladder', 'torch', 'spade', 'passport', 'umbrella'];
  const works = [
    (step) => requests.request(`/where/${things[step % things.length]}`),
    () => requests.request('/whoami'),
    (step) => session.request('/echo', { step }),
    (step) => lookups.query(`/where/${things[step % 5]}`),
    (step) => notifier.notify(`where/${things[step % 5]}`, 'who has it?'),
    () => cleo.running.peers.tell('ada', '/time'),
  ];
  const end = Date.now() + duration * 1000;
  for (let step = 0; Date.now() < end; step++) {
    const wave = 1.2 + Math.sin(step / 14);
    const chosen = works.filter((_, index) => Math.random() < (wave * (6 - index)) / 9);
    await Promise.all(chosen.map((work) => work(step).catch(() => {})));
    await delay(60 + Math.random() * 140);
  }
}

async function chatter() {
  const [here, there] = [ada.publicKey.fingerprint, bob.publicKey.fingerprint];
  const [asking, answering] = [await insider(bob), await insider(ada)];
  await say(asking, { peer: here, text: 'Have you seen the drill?' });
  await say(answering, { peer: there, text: 'In the cellar, I think. Ask the node: /where/drill' });
  await say(asking, { peer: here, text: 'The left shelf, it says. Thank you!' });
  await say(answering, { room: 'lobby', text: 'Cake in the kitchen.' });
}

async function insider(node) {
  const browser = new Browser(consoleOf(node).address);
  await browser.enter(consoleOf(node).link());
  return browser;
}

async function say(browser, body) {
  const { status, text } = await browser.ask('/api/chat', { method: 'POST', body });
  if (status !== 204) throw new Error(text);
}
