// `npm test`: every test, the fast kinds first; `npm test -- FILE…` runs some. Ends with one line that counts them.
// `--another-node`: for a run on a second version of Node, after one of all; says what it leaves out.

import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBundledNode, isSupported, tooOld } from '../bin/guard.js';
import { reexec } from '../bin/reexec.js';

const KINDS = ['unit', 'property', 'vectors', 'contract', 'interop', 'e2e'];
// What these find out is about Chromium, the kernel's networks, what npm packs and what commands say, or they are long trials
// of the same sources under faults: once is enough.
const NOT_OF_NODE =
  /(browser|package|cli|examples|peers-doctor|middle|hosts|dns-sd|cuts|crash|faults|moving|large|once|edits|simulation)\.test\.ts$/;
// Much of what tests do is waiting.
const CONCURRENCY = availableParallelism() + 1;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Tests start programs by the hundred, and half of a start is compiling the same sources.
const env = { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled') };

if (isSupported(process.versions.node)) {
  process.exitCode = await runAll(process.argv.slice(2));
} else {
  const bundled = findBundledNode(root);
  if (bundled === null) {
    console.error(tooOld(process.versions.node));
    process.exitCode = 1;
  } else reexec(bundled, process.argv.slice(1));
}

async function runAll(args) {
  const isAnotherNode = args[0] === '--another-node';
  const files = isAnotherNode ? [] : args;
  console.log(`Node ${process.versions.node}`);
  const sum = { pass: 0, fail: 0 };
  let exitCode = 0;
  const groups = files.length > 0 ? [files] : KINDS.map(filesOf);
  const left = isAnotherNode ? filesOf('e2e').filter((file) => NOT_OF_NODE.test(file)) : [];
  if (left.length > 0) console.log(`left out, since they ran on another Node: ${left.join(', ')}`);
  for (const all of groups) {
    const group = all.filter((file) => !left.includes(file));
    if (group.length === 0) continue;
    const { code, pass, fail } = await runGroup(group);
    sum.pass += pass;
    sum.fail += fail;
    if (code !== 0) exitCode = 1;
  }
  if (sum.pass + sum.fail === 0) {
    console.error('no test ran');
    exitCode = 1;
  }
  console.log(`${sum.pass} passed, ${sum.fail} failed`);
  return exitCode;
}

function filesOf(kind) {
  return globSync(`test/${kind}/**/*.test.ts`, { cwd: root }).sort();
}

function runGroup(files) {
  const reporter = process.stdout.isTTY ? 'spec' : './scripts/reporter.js';
  const args = ['--test', `--test-concurrency=${CONCURRENCY}`, `--test-reporter=${reporter}`, ...files];
  return new Promise((resolve) => {
    const stdio = ['ignore', 'pipe', 'inherit'];
    const child = spawn(process.execPath, args, { cwd: root, env, stdio });
    let tail = '';
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      tail = (tail + chunk).slice(-2000);
    });
    child.on('close', (code) =>
      resolve({ code, pass: lastNumber(tail, 'pass'), fail: lastNumber(tail, 'fail') }),
    );
  });
}

function lastNumber(text, name) {
  return Number([...text.matchAll(new RegExp(`${name} (\\d+)`, 'g'))].at(-1)?.[1] ?? 0);
}
