/** The floors of the house: an import may only point down (docs/architecture.md). */

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const FLOOR_0 = ['errors', 'bytes'];
const JOBS = ['request', 'session', 'pubsub', 'peers', 'lookup'];
const BELOW_JOBS = [...FLOOR_0, 'wire', 'platform', 'app', 'keys', 'transport', 'envelope', 'sealed'];
const FOR_JOBS = [
  ...['#crypto', '#files', '#legacy-crypto', '#lz4', '#noise-crypto', '#sockets', '#threads', '#zstd'],
  ...['@standard-schema/spec', 'jsonc-parser'],
];
/** The console's page, and what it has in common with the node. */
const PAGE = 'console/web';
const SEEN_BY_PAGE = ['console/contract.ts', 'console/equivalents.ts'];

/** What each folder may import: folders of ours, and libraries. Types of the platform count as the platform. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  bytes: [...FLOOR_0, '@scure/base', 'cbor2'],
  wire: [...FLOOR_0, 'wire', '#cbor'],
  platform: [...FLOOR_0, 'platform', 'crypto-es'],
  'platform/node': [
    ...FLOOR_0,
    'platform',
    'node:',
    'ws',
    'undici',
    'lz4-napi',
    '@noble/hashes',
    '@scure/bip39',
    'prom-client',
    'multicast-dns',
  ],
  'platform/web': [
    ...FLOOR_0,
    'platform',
    '@noble/ciphers',
    '@noble/curves',
    '@noble/hashes',
    '@noble/post-quantum',
    '@scure/bip39',
  ],
  app: ['errors', 'app', '@standard-schema/spec'],
  keys: [
    ...FLOOR_0,
    'wire',
    'platform',
    'keys',
    '#crypto',
    '#files',
    '#key-forms',
    '#word-list',
    '@scure/base',
  ],
  transport: [...FLOOR_0, 'wire', 'platform', 'transport', '#raw-roads', '#sockets'],
  envelope: [...FLOOR_0, 'wire', 'platform', 'keys', 'envelope', '#crypto', '#noise-crypto'],
  sealed: [...BELOW_JOBS, '#crypto', '#files'],
  ...Object.fromEntries(JOBS.map((job) => [job, [...BELOW_JOBS, ...FOR_JOBS, job]])),
  pubsub: [...BELOW_JOBS, ...FOR_JOBS, 'pubsub', '#metrics', '#sha512', '@opentelemetry/api'],
  node: [
    ...BELOW_JOBS,
    ...JOBS,
    'node',
    'console',
    'node:',
    '#crypto',
    '#files',
    '#sockets',
    'zod',
    'modern-tar',
  ],
  browser: [...BELOW_JOBS, ...JOBS, 'browser', '#cbor', '#crypto', '#word-list'],
  conformance: [...BELOW_JOBS, ...FOR_JOBS, ...JOBS, 'conformance', '#sha512', 'node:'],
  cli: [
    ...[...BELOW_JOBS, ...JOBS, 'node', 'console', 'conformance', 'cli', 'node:', '#files'],
    ...['commander', 'pino', 'uqr'],
  ],
  console: [
    ...[...BELOW_JOBS, ...JOBS, 'node', 'console', 'node:', '#crypto', '#files'],
    ...['hono', '@hono/node-server', 'uqr', 'zod'],
    ...SEEN_BY_PAGE,
  ],
  [PAGE]: [PAGE, ...SEEN_BY_PAGE, 'preact', 'uplot'],
  testing: [...BELOW_JOBS, 'pubsub', 'testing', 'node:', '@noble/post-quantum'],
  index: [...BELOW_JOBS, ...JOBS, 'node'],
};

/** Every forbidden import of `files` (path below src → text), as `from -> to`. */
function violations(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, text]) =>
    specifiersOf(text)
      .map((specifier) => targetOf(path, specifier))
      .filter((target) => !ALLOWED[folderOf(path)]?.includes(target.startsWith('node:') ? 'node:' : target))
      .map((target) => `${path} -> ${target}`),
  );
}

function specifiersOf(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;
  return [...code.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** A folder of ours, or the name of a library. */
function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(path), specifier));
    if (SEEN_BY_PAGE.includes(target)) return target;
    if (target.startsWith(`${PAGE}/`)) return PAGE;
    return target.split('/')[0]?.replace(/\.ts$/, '') ?? '';
  }
  if (specifier.startsWith('node:') || specifier.startsWith('#')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function folderOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  if (path.startsWith(`${PAGE}/`)) return PAGE;
  if (first === 'platform' && (second === 'node' || second === 'web')) return `${first}/${second}`;
  return first.replace(/\.ts$/, '');
}

const sources = new Map(
  globSync('src/**/*.{ts,tsx}').map(
    (file) => [file.slice('src/'.length), readFileSync(file, 'utf8')] as const,
  ),
);

test('no import points up, sideways between jobs, or to a library that its floor may not use', () => {
  assert.ok(sources.size > 40);
  assert.deepEqual(violations(sources), []);
});

test('the check catches what it is there for', () => {
  const planted = new Map([
    ['wire/a.ts', "import { x } from '../keys/identity.ts';"],
    ['app/b.ts', "import { y } from 'node:fs';"],
    ['request/c.ts', "export * from '../pubsub/index.ts';"],
    ['bytes/d.ts', "const z = await import('left-pad');"],
    ['keys/e.ts', "import type {\n  A,\n} from '../transport/transport.ts';"],
    ['envelope/f.ts', "// import { ok } from '../cli/main.ts';\nimport { fine } from '../wire/pssst.ts';"],
    ['console/web/panels/g.tsx', "import '../app.css';\nimport { a } from '../../server/app.ts';"],
  ]);
  assert.deepEqual(violations(planted), [
    'wire/a.ts -> keys',
    'app/b.ts -> node:fs',
    'request/c.ts -> pubsub',
    'bytes/d.ts -> left-pad',
    'keys/e.ts -> transport',
    'console/web/panels/g.tsx -> console',
  ]);
});

test('every entry point of package.json has its source, and every sotto/… that a text names is one', () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    exports: Record<string, unknown>;
  };
  for (const entry of Object.values(exports)) {
    if (typeof entry !== 'object' || entry === null || !('default' in entry)) continue;
    const source = String(entry.default).replace('./dist/', '').replace(/\.js$/, '.ts');
    assert.ok(sources.has(source), `${source} is missing`);
  }
  const texts = [...globSync(['src/**/*.ts', 'docs/**/*.md', 'examples/**/*']), 'README.md'].filter((f) =>
    f.includes('.'),
  );
  for (const file of texts) {
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/from '(sotto(?:\/[a-z/]+)?)'/g)) {
      assert.ok(exports[`.${name?.slice('sotto'.length)}`], `${file} names ${name}, which is no entry point`);
    }
  }
});
