/** Whatever is done to a key file, and wherever it is stopped: there is a usable key, and just the unexpired are accepted. */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { PssstClient } from '../../src/envelope/pssst.ts';
import { Identity } from '../../src/keys/identity.ts';
import { IdentityRing, MAX_PREVIOUS } from '../../src/keys/identity-ring.ts';
import { dropPreviousKey, prunePreviousKeys, rotateIdentity } from '../../src/keys/rotation.ts';
import { files } from '../../src/platform/node/files.ts';
import { Unsealer } from '../../src/sealed/unsealer.ts';
import { CipherSuite } from '../../src/wire/pssst.ts';

const suite = CipherSuite.X25519_AESGCM256;
const folder = await mkdtemp(join(tmpdir(), 'sotto-ring-'));
after(() => rm(folder, { recursive: true }));

/** Stops a rotation before or after one of its two writes. */
interface Stop {
  readonly at: 'previous' | 'key';
  readonly when: 'before' | 'after';
}

class Stopped extends Error {}

function stopping({ at, when }: Stop): typeof files {
  return {
    ...files,
    async writePrivate(path, content, options) {
      const isHere = path.endsWith('.previous') === (at === 'previous');
      if (isHere && when === 'before') throw new Stopped();
      await files.writePrivate(path, content, options);
      if (isHere) throw new Stopped();
    },
  };
}

/** What should be so. */
class Model {
  now = 1_000_000;
  current = '';
  readonly ends = new Map<string, number>();
  readonly ever = new Set<string>();

  get accepted(): string[] {
    return [...this.ends].filter(([, until]) => until > this.now).map(([key]) => key);
  }

  rotated(key: string, overlap: number): void {
    if (overlap > 0) this.ends.set(this.current, this.now + overlap);
    this.current = key;
    this.ever.add(key);
  }
}

const overlap = fc.constantFrom(0, 10, 100, 1000);
const stop: fc.Arbitrary<Stop> = fc.record({
  at: fc.constantFrom('previous', 'key'),
  when: fc.constantFrom('before', 'after'),
});
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('rotate' as const), overlap }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('stop' as const), overlap, stop }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), time: fc.integer({ min: 1, max: 300 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('prune' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), which: fc.nat(9) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function take(step: Step, file: string, model: Model): Promise<void> {
  const { now } = model;
  if (step.do === 'wait') model.now += step.time;
  else if (step.do === 'prune') {
    const gone = await prunePreviousKeys(file, now);
    assert.ok(gone.every(({ until }) => until <= now));
  } else if (step.do === 'drop') {
    const key = [...model.ever][step.which % model.ever.size] ?? '';
    if (key === model.current) return;
    await dropPreviousKey(file, key);
    model.ends.delete(key);
  } else {
    const isFull = step.overlap > 0 && model.accepted.length === MAX_PREVIOUS;
    const store = step.do === 'stop' ? stopping(step.stop) : files;
    const result = await rotateIdentity(file, { overlap: step.overlap, now, store }).catch(
      (error: unknown) => error,
    );
    if (isFull) return assert.match(String(result), /3 keys before that of/);
    if (result instanceof Stopped) {
      const wasDone = step.do === 'stop' && step.stop.at === 'key' && step.stop.when === 'after';
      if (wasDone) model.rotated((await Identity.load(file)).publicKey.toString(), step.overlap);
    } else {
      model.rotated((result as Awaited<ReturnType<typeof rotateIdentity>>).current.toString(), step.overlap);
    }
  }
}

async function check(file: string, model: Model): Promise<void> {
  const identities = await IdentityRing.load(file, { now: () => model.now });
  assert.equal(identities.current.publicKey.toString(), model.current);
  const accepted = identities.previous.map(({ identity }) => identity.publicKey.toString());
  assert.deepEqual(accepted.toSorted(), model.accepted.toSorted());
  const unsealer = new Unsealer({ identities, suites: [suite], payload: 'routed' });
  for (const key of model.ever) {
    const { packet } = new PssstClient(key, { cipherSuite: suite }).packRequest(Uint8Array.of(1));
    const until = key === model.current ? null : (model.ends.get(key) ?? 0);
    if (until === null || until > model.now) assert.equal(unsealer.open(packet).keyEndsAt, until);
    else assert.throws(() => unsealer.open(packet), { code: 'decrypt_failed' });
  }
}

test('any sequence of rotations, stopped anywhere, leaves what it should', async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const file = join(folder, `${count++}.key`);
      const model = new Model();
      const first = Identity.generate();
      await first.save(file);
      model.rotated(first.publicKey.toString(), 0);
      for (const each of steps) {
        await take(each, file, model);
        await check(file, model);
      }
    }),
    { numRuns: 40 },
  );
  const leftovers = (await readdir(folder)).filter((name) => !/^\d+\.key(\.previous)?$/.test(name));
  assert.deepEqual(leftovers, []);
});
