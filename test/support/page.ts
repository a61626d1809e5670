/** A real browser, and a site of one page for it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const ARGUMENTS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

export async function launchChromium(): Promise<Browser> {
  assert.ok(CHROMIUM, 'Chromium is needed: apt-get install chromium');
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

export interface Site extends Disposable {
  readonly url: string;
}

/** Serves a page that runs a script. */
export async function serveScript(script: string): Promise<Site> {
  const page = `<!doctype html><title>Sotto</title><script type="module">${script}</script>`;
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(page);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
