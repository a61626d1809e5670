// Builds dist/ for publishing: JavaScript and declarations by tsc, and a package.json of its own whose `imports` lead
// to what was built, while those of the root lead to the sources (docs/decisions/0004-imports-and-dist.md).
// The console's page is built along. `node scripts/build.js FOLDER` builds FOLDER/dist without it, for tests that run
// beside others.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildConsole } from './build-console.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = process.argv[2] ?? root;
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

if (existsSync(compiler)) {
  await build();
  await buildForPages();
  if (target === root) {
    linkCommand();
    await buildConsole();
  }
} else {
  console.log('build: typescript is not installed (production install); the sources run as they are');
}

async function build() {
  const dist = join(target, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', dist], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
  const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const built = { type: 'module', sideEffects: false, imports: builtTargets(imports) };
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(built, null, 2)}\n`);
  await writeSchema(dist);
}

// For editors: `"$schema": "./node_modules/sotto/dist/sotto.config.schema.json"` in a sotto.config.json.
async function writeSchema(dist) {
  const { configSchema } = await import(pathToFileURL(join(dist, 'node', 'config.js')).href);
  writeFileSync(join(dist, 'sotto.config.schema.json'), `${JSON.stringify(configSchema(), null, 2)}\n`);
}

// One folder, dist/browser/min, which a page without a bundler can be given as it is.
async function buildForPages() {
  const { browserFiles } = await import('./browser-files.ts'); // not before: esbuild comes with the compiler
  const { outputFiles } = await browserFiles(join(target, 'dist', 'browser'), 'js');
  for (const { path, contents } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
}

function builtTargets(target) {
  if (typeof target === 'string') return target.replace('./src/', './').replace(/\.ts$/, '.js');
  return Object.fromEntries(Object.entries(target).map(([name, value]) => [name, builtTargets(value)]));
}

// So that `./node_modules/.bin/sotto …`, and scripts by `sotto …`, run this checkout.
function linkCommand() {
  if (process.platform === 'win32') return;
  const folder = join(root, 'node_modules', '.bin');
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, 'sotto'), { force: true });
  symlinkSync('../../bin/sotto.js', join(folder, 'sotto'));
}
