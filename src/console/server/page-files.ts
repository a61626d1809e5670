/** The built page: the files of one folder, and nothing else. */

import { readdir, readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Panel } from './desk.ts';
import { NOT_BUILT } from './own-pages.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const INDEX = '/index.html';
/** As bundlers name what they have built: `/assets/main-5FQ2K3XA.js`; such a file never changes. */
const HASHED = /^\/assets\/.*-[\w-]{8}\.[a-z0-9]+$/;
const FOR_EVER = 'public, max-age=31536000, immutable';

export const pageFiles: Panel = (app, { options }) => {
  const folder = options.page ?? builtPage();
  let files: ReadonlyMap<string, string> = new Map();
  app.get('*', async (c) => {
    const path = c.req.path === '/' ? INDEX : c.req.path;
    // The page may have been built anew, with other names.
    if (path === INDEX || files.size === 0) files = await filesIn(folder);
    const file = files.get(path);
    if (file !== undefined) return answer(path, await readFile(file));
    if (path !== INDEX) return c.notFound();
    return c.html(NOT_BUILT, 503);
  });
};

function answer(path: string, content: Uint8Array<ArrayBuffer>): Response {
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  const caching = HASHED.test(path) ? FOR_EVER : 'no-cache';
  return new Response(content, { headers: { 'content-type': type, 'cache-control': caching } });
}

/** Paths, as they are asked for, and the files for them: what is not listed here is not served, however it is spelt. */
async function filesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(folder.length).replaceAll(sep, '/'), file]),
  );
}

/** Beside the sources, and in the package. */
function builtPage(): string {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  return join(root, 'dist', 'console', 'page');
}
