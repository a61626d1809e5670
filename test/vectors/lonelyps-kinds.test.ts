/** That every kind of the golden vectors of lonelyps is run by some test. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { lonelyps } from '../support/lonelyps-vectors.ts';

/** Where each kind is run, below test/. Exceptions are named there, with their reasons. */
const RUN_BY: Readonly<Record<string, readonly string[]>> = {
  stateful: ['vectors/lonelyps-stateful'],
  'stateful-recipe': ['vectors/lonelyps-stateful'],
  'stateful-encode-error': ['vectors/lonelyps-stateful'],
  malformed: ['vectors/lonelyps-stateful'],
  lenient: ['vectors/lonelyps-stateful'],
  'auth-hmac': ['vectors/lonelyps-authorization'],
  'auth-hmac-error': ['vectors/lonelyps-authorization'],
  'auth-hmac-verify': [
    'vectors/lonelyps-authorization',
    'vectors/lonelyps-verdicts',
    'unit/pubsub-authorization',
  ],
  'auth-hmac-replay': ['vectors/lonelyps-verdicts', 'unit/pubsub-authorization'],
  'auth-token': ['vectors/lonelyps-authorization'],
  'auth-token-verify': ['vectors/lonelyps-authorization', 'unit/pubsub-authorization'],
  'auth-none': ['vectors/lonelyps-verdicts'],
  etag: ['vectors/lonelyps-stateless'],
  'etag-recipe': ['vectors/lonelyps-stateless'],
  'etag-error': ['vectors/lonelyps-stateless'],
  'websocket-url': ['vectors/lonelyps-sessions'],
  stateless: ['vectors/lonelyps-stateless', 'vectors/lonelyps-receive', 'unit/stateless-requests'],
  'stateless-odd': ['vectors/lonelyps-receive', 'unit/stateless-requests'],
  'receive-answer': ['vectors/lonelyps-receive'],
  transcript: ['support/lonelyps-vectors'],
  zstd: ['vectors/lonelyps-zstd'],
  'zstd-dictionary': ['vectors/lonelyps-zstd'],
  glob: ['vectors/lonelyps-glob', 'vectors/lonelyps-matchers'],
  'glob-bytes': ['vectors/lonelyps-glob', 'vectors/lonelyps-matchers'],
  tracing: ['vectors/lonelyps-tracing', 'vectors/lonelyps-stateless'],
  'tracing-read': ['vectors/lonelyps-tracing'],
};

function textOf(file: string): string {
  for (const ending of ['.test.ts', '.ts']) {
    try {
      return readFileSync(new URL(`../${file}${ending}`, import.meta.url), 'utf8');
    } catch {
      // the other ending
    }
  }
  return assert.fail(`there is no ${file}`);
}

test('every kind in the file is run', () => {
  const kinds = [...new Set(lonelyps.vectors.map(({ kind }) => kind))];
  assert.deepEqual(
    kinds.filter((kind) => RUN_BY[kind] === undefined),
    [],
  );
  assert.deepEqual(
    Object.keys(RUN_BY).filter((kind) => !kinds.includes(kind)),
    [],
  );
});

test('whoever should run a kind asks for it', () => {
  for (const [kind, files] of Object.entries(RUN_BY)) {
    for (const file of files) assert.ok(textOf(file).includes(`'${kind}'`), `${file} does not run ${kind}`);
  }
  assert.ok(textOf('vectors/lonelyps-sessions').includes('of sessions)'), 'nobody replays the transcripts');
});

test('the file has as many of each kind, under names of their own, as it says', () => {
  for (const [kind, count] of Object.entries(lonelyps.counts)) {
    const names = lonelyps.vectors.filter((vector) => vector.kind === kind).map(({ name }) => name);
    assert.equal(names.length, count, kind);
    assert.equal(new Set(names).size, count, kind);
  }
});
