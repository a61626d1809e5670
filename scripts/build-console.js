// Builds the console's page, src/console/web/, into dist/console/page/: all that it needs is in there, nothing is fetched
// from elsewhere. `node scripts/build-console.js FOLDER` builds FOLDER/dist/console/page.

import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string} [target] */
export async function buildConsole(target = root) {
  const { build } = await import('vite');
  await build({
    root: join(root, 'src', 'console', 'web'),
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: join(target, 'dist', 'console', 'page'),
      emptyOutDir: true,
      target: 'es2024',
      // The policy of the page forbids scripts and styles that are not files of their own.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildConsole(process.argv[2]);
