/** A real browser, and a site of one page for it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
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
export function serveScript(script: string): Promise<Site> {
  const page = pageOf(`<script type="module">${script}</script>`);
  return served(
    createServer((_request, response) => {
      response.writeHead(200, HTML).end(page);
    }),
  );
}

/**
 * Serves scripts by their names, and a page that runs `page.js`.
 *
 * @param beside mounts what else there is.
 * @returns the site, with the names that were asked for.
 */
export async function serveFiles(
  files: ReadonlyMap<string, Uint8Array>,
  beside: (server: Server) => void,
): Promise<Site & { readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const page = pageOf('<script type="module" src="page.js"></script>');
  const server = createServer((request, response) => {
    const name = request.url?.slice(1) ?? '';
    const file = files.get(name);
    asked.push(name);
    if (file) response.writeHead(200, { 'content-type': 'text/javascript' }).end(file);
    else response.writeHead(name === '' ? 200 : 404, HTML).end(page);
  });
  beside(server);
  return { ...(await served(server)), asked };
}

const HTML = { 'content-type': 'text/html; charset=utf-8' };

function pageOf(script: string): string {
  return `<!doctype html><title>Sotto</title>${script}`;
}

async function served(server: Server): Promise<Site> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
