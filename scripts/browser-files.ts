// The files that a page without a bundler loads: `sotto.min.js`, which has the clients, and parts that come when they are
// first used. Called by the build, and by the test that measures them.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BuildOptions, type BuildResult, build, type Plugin } from 'esbuild';

type Unwritten = { readonly metafile: true; readonly write: false };

/**
 * What esbuild makes of the entries `index` and `secrets`, with its metafile, unwritten.
 *
 * @param folder of those entries.
 * @param extension theirs: `ts`, or `js` once they are built.
 */
export async function browserFiles(folder: string, extension: 'ts' | 'js'): Promise<BuildResult<Unwritten>> {
  const main = resolve(folder, `index.${extension}`);
  const options = {
    entryPoints: [
      { in: main, out: 'sotto' },
      { in: join(folder, `secrets.${extension}`), out: 'secrets' },
    ],
    entryNames: '[name].min',
    chunkNames: '[name]-[hash].min',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm' as const,
    platform: 'browser' as const,
    target: 'es2024',
    metafile: true as const,
    write: false as const,
    outdir: join(folder, 'min'),
    external: ['@opentelemetry/api'],
  } satisfies BuildOptions;
  const first = await build(options);
  const entries = Object.values(first.metafile.outputs).flatMap(({ entryPoint = [] }) => entryPoint);
  const parts = new Set(entries.map((path) => resolve(path)).filter((path) => path !== main));
  return build({ ...options, plugins: [copiedLibraries, besideClients(parts, main)] });
}

// What several files share becomes a file for each way of sharing it, a dozen here. But no page has a part without the
// clients: so each part is given all of theirs, and what they share is one file.
function besideClients(parts: ReadonlySet<string>, main: string): Plugin {
  return {
    name: 'beside-clients',
    setup({ onLoad }) {
      onLoad({ filter: /\.[jt]s$/ }, ({ path }) => {
        if (!parts.has(path)) return undefined;
        const contents = `${readFileSync(path, 'utf8')}\nexport * as clients from ${JSON.stringify(main)};`;
        return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' };
      });
    },
  };
}

// A library's file is in one place alone, with all that anybody needs of it: the clients would bring SHA-512, and what else
// their parts want of noble. So these of ours get copies.
const COPYING = /[/\\](sha512|post-quantum|base64|topic-secret)\.[jt]s$/;
const SCRYPT = '@noble/hashes/scrypt.js';
const COPY = '?copy';

const copiedLibraries: Plugin = {
  name: 'copied-libraries',
  setup({ onLoad, onResolve, resolve: find }) {
    onResolve({ filter: /^(@noble|@scure|\.)/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === 'found') return undefined;
      const isLibrary = path.startsWith('@');
      const isCopied = pluginData === 'copy' || path === SCRYPT || (isLibrary && COPYING.test(importer));
      if (!isCopied) return undefined;
      const found = await find(path, { importer, kind, resolveDir, pluginData: 'found' });
      return { ...found, suffix: COPY };
    });
    onLoad({ filter: /\.js$/ }, ({ path, suffix }) => {
      if (suffix !== COPY) return undefined;
      return { contents: readFileSync(path, 'utf8'), loader: 'js', pluginData: 'copy' };
    });
  },
};
