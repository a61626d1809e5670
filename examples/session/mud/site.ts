/** Serves the world's page: the same client as everywhere, bundled for browsers. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';

const SAFETY = {
  'content-security-policy': "default-src 'self'; connect-src 'self' ws: wss:",
  'x-content-type-options': 'nosniff',
};

/**
 * @param port 0 for any.
 * @param server what the page connects to.
 * @returns the page's URL.
 */
export async function servePage(port: number, server: { url: string; serverKey: string }): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'page.ts')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  const files = new Map<string | undefined, readonly [type: string, content: string | Uint8Array]>([
    ['/', ['text/html; charset=utf-8', fileBeside('page.html')]],
    ['/page.css', ['text/css; charset=utf-8', fileBeside('page.css')]],
    ['/page.js', ['text/javascript; charset=utf-8', outputFiles[0]?.contents ?? '']],
    ['/server.json', ['application/json', JSON.stringify(server)]],
  ]);
  const site = createServer(({ url }, response) => {
    const [type, content] = files.get(url) ?? [];
    if (type === undefined) response.writeHead(404).end();
    else response.writeHead(200, { ...SAFETY, 'content-type': type }).end(content);
  });
  await once(site.listen(port, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
}

function fileBeside(name: string): Uint8Array {
  return readFileSync(join(import.meta.dirname, name));
}
