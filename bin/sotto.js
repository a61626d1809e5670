#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBundledNode, isSupported, tooOld } from './guard.js';
import { reexec } from './reexec.js';

const bundled = isSupported(process.versions.node)
  ? null
  : findBundledNode(dirname(fileURLToPath(import.meta.url)));

if (isSupported(process.versions.node)) {
  // A checkout runs its sources, so that nothing stands between an edit and a try; an installed package what was built.
  const source = new URL('../src/cli/main.ts', import.meta.url);
  const main = existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url);
  import(main.href)
    .then((cli) => cli.main(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code;
    });
} else if (bundled !== null) {
  reexec(bundled, process.argv.slice(1));
} else {
  console.error(tooOld(process.versions.node));
  process.exitCode = 1;
}
