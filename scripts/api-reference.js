// Writes docs/api/, a page for each entry point of package.json, from the docstrings in dist/ (made by scripts/build.js),
// or with --check fails where it is stale (docs/decisions/0012-api-reference.md).

import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEntryPoints } from './api-reference/declarations.js';
import { pagesOf } from './api-reference/pages.js';

const FOLDER = 'docs/api';

const pages = pagesOf(readEntryPoints());
const strays = globSync('*.md', { cwd: FOLDER }).filter((file) => !pages.has(file));

if (process.argv.includes('--check')) {
  const stale = [...pages].filter(([file, text]) => readOrNothing(join(FOLDER, file)) !== text);
  for (const file of [...stale.map(([file]) => file), ...strays]) {
    console.error(
      `${join(FOLDER, file)} is stale: run node scripts/build.js && node scripts/api-reference.js`,
    );
    process.exitCode = 1;
  }
} else {
  mkdirSync(FOLDER, { recursive: true });
  for (const file of strays) rmSync(join(FOLDER, file));
  for (const [file, text] of pages) writeFileSync(join(FOLDER, file), text);
}

function readOrNothing(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
