/** The package as users get it: packed, installed in a new folder, imported, typed, run, and bundled for browsers. */

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const ROOT = process.cwd();
/** What docs/api shows are the docstrings. */
const PAGES = globSync(['README.md', 'docs/**/*.md'], { cwd: ROOT, exclude: ['docs/api'] });
const folder = mkdtempSync(join(tmpdir(), 'sotto-package-'));
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
let packed: readonly string[] = [];

function run(command: string, args: readonly string[], cwd = folder): string {
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describe('the packed package', () => {
  before(() => {
    run(process.execPath, ['scripts/build.js'], ROOT);
    const [report] = JSON.parse(
      run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT),
    ) as [{ filename: string; files: { path: string }[] }];
    packed = report.files.map(({ path }) => path);
    writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }');
    run('npm', ['install', '--no-audit', '--no-fund', '--omit=dev', join(folder, report.filename)]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('holds what was built and nothing else', () => {
    const strays = packed.filter(
      (path) =>
        !/^(dist|bin|conformance|deploy)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path),
    );
    assert.deepEqual(strays, []);
    for (const path of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/package.json',
      'dist/console/page/index.html',
      'bin/sotto.js',
      'LICENSE',
    ]) {
      assert.ok(packed.includes(path), path);
    }
  });

  test('gives every entry point', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: object };
    const names = Object.keys(exports)
      .filter((entry) => !entry.endsWith('.json'))
      .map((entry) => `sotto${entry.slice(1)}`);
    const script = `for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 3)`;
    const said = run(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal(said, names.map((name) => `${name} true\n`).join(''));
  });

  test('runs the first example of the README, typed', () => {
    const [, example = ''] =
      readFileSync(join(ROOT, 'README.md'), 'utf8').match(/```ts\n([\s\S]*?)```/) ?? [];
    const script = `${example}\nawait client.close();\nawait server.close();\n`.replaceAll(':7878', ':47878');
    writeFileSync(join(folder, 'example.ts'), script);
    assert.equal(run(process.execPath, ['example.ts']), 'Hello, Ada.\n');
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      '',
    ];
    run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options, 'example.ts']);
  });

  test('types every example of the docs and of the docstrings', () => {
    const texts = [...PAGES, ...globSync('src/**/*.ts', { cwd: ROOT })].map((file) =>
      readFileSync(join(ROOT, file), 'utf8').replaceAll(/^ *\* ?/gm, ''),
    );
    const examples = texts.flatMap((text) =>
      [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) => code),
    );
    assert.ok(examples.length > 10, `${examples.length} examples`);
    const names = examples.map((code, index) => {
      writeFileSync(join(folder, `doc-${index}.ts`), `${code}\nexport {};\n`);
      return `doc-${index}.ts`;
    });
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024'];
    const libraries = [
      '--lib',
      'es2024,esnext.disposable,dom',
      '--types',
      'node',
      '--typeRoots',
      join(ROOT, 'node_modules/@types'),
    ];
    run(process.execPath, [
      join(ROOT, 'node_modules/typescript/bin/tsc'),
      ...options,
      ...libraries,
      ...names,
    ]);
  });

  test('runs every example of the docs after which stands what it prints', async () => {
    cpSync(join(ROOT, 'examples', 'lookup', 'demo-main.csv'), join(folder, 'demo-main.csv'));
    const printing = /^```ts\n((?:(?!```).*\n)*)```\n\n```text\n((?:(?!```).*\n)*)```$/gm;
    const examples = PAGES.flatMap((page) =>
      [...readFileSync(join(ROOT, page), 'utf8').matchAll(printing)].map(([, code = '', output = '']) => ({
        page,
        code,
        output,
      })),
    );
    assert.ok(examples.length > 10, `${examples.length} examples`);
    for (const [index, { code }] of examples.entries()) {
      // Whoever else runs this on the machine at this moment would be a neighbour.
      const alone = code.replaceAll('57_009', String(randomInt(40_000, 50_000)));
      writeFileSync(join(folder, `run-${index}.ts`), alone);
    }
    // One after another in a process that ends only if each has closed what it opened: starting is what costs.
    const script = `for (const file of process.argv.slice(1)) { await import(file); console.log('§'); }`;
    const said = await Promise.all(
      [0, 1].map(async (half) => {
        const files = examples.flatMap((_, index) => (index % 2 === half ? [`./run-${index}.ts`] : []));
        const args = ['--input-type=module', '-e', script, '--', ...files];
        const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env });
        return stdout.split('§\n');
      }),
    );
    for (const [index, { page, code, output }] of examples.entries()) {
      assert.equal(said[index % 2]?.[Math.floor(index / 2)], output, `${page}:\n${code}`);
    }
  });

  test('runs the examples of publish and subscribe: each says what it should, and ends', () => {
    const said: Readonly<Record<string, string>> = {
      'parse.ts': 'foo/bar\n',
      // As the README of lonelypsp has it.
      'serialize.ts': `${String.raw`b'\x00\x01\x00\x02\x00\x00\x00\x07foo/bar'`}\n`,
      'cache-buster.ts': [
        ...['tea is 3', 'tea is 4 now; told: 1', '  told: here it is 4 too'],
        ...['tea is 5 now; told: 0', '  away: here it is still 4', '  missed: here it is 5 too'],
        ...['tea is 6 now; told: 1', '  told: here it is 6 too', ''],
      ].join('\n'),
    };
    cpSync(join(ROOT, 'examples', 'pubsub'), folder, { recursive: true });
    assert.deepEqual(
      globSync('*.ts', { cwd: join(ROOT, 'examples', 'pubsub') }).sort(),
      Object.keys(said).sort(),
    );
    for (const [file, output] of Object.entries(said)) assert.equal(run(process.execPath, [file]), output);
  });

  test('has a command that works', () => {
    const sotto = join(folder, 'node_modules', '.bin', 'sotto');
    assert.match(run(sotto, ['--help']), /Usage: sotto/);
    assert.match(run(sotto, ['keygen', 'my.key']), /sotto1/);
    const kit = ['conformance', '--family', 'simple-client-server', sotto, 'conformance-testee'];
    assert.match(run(sotto, kit), /It conforms: \d{3} passed, 0 failed\.\n$/);
  });

  for (const entry of [
    'sotto/pssst',
    'sotto/request',
    'sotto/pubsub',
    'sotto/pubsub/wire',
    'sotto/session/sickserv',
  ]) {
    test(`${entry} is fit for browsers`, async () => {
      const { outputFiles } = await build({
        stdin: { contents: `export * from '${entry}';`, resolveDir: folder },
        bundle: true,
        minify: true,
        format: 'esm',
        platform: 'browser',
        write: false,
      });
      const [file] = outputFiles;
      assert.ok(file);
      assert.ok(!/from\s*"node:|require\("/.test(file.text));
      const size = gzipSync(file.contents).length;
      console.log(`${entry}: ${(size / 1024).toFixed(1)} kB gzip`);
    });
  }
});
