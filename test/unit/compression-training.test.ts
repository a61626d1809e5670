/** Dictionaries that are learnt from the messages of a connection: how good they are, and when they are made. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../src/bytes/bytes.ts';
import { primitives } from '../../src/platform/node/crypto.ts';
import { zstd } from '../../src/platform/node/zstd.ts';
import { trainDictionary } from '../../src/pubsub/compression/dictionary-trainer.ts';
import { Reservoir } from '../../src/pubsub/compression/reservoir.ts';
import { DictionaryTrainer } from '../../src/pubsub/compression/trainer.ts';
import { Training, type TrainingOptions } from '../../src/pubsub/compression/training.ts';
import { messageInMemory } from '../../src/pubsub/delivery/message.ts';
import { dice, KINDS, sensorMessage } from '../support/sensors.ts';

const MEBIBYTE = 1024 * 1024;

/** Sensors that all report in any order; or one kind for long, then another. */
function traffic(seed: number, count: number, burst: number): Bytes[] {
  const roll = dice(seed);
  return Array.from({ length: count }, (_none, index) => {
    const kind = burst > 0 ? KINDS[Math.floor(index / burst) % KINDS.length] : KINDS[roll(KINDS.length)];
    return sensorMessage(roll, kind ?? 'door');
  });
}

function compressedLength(messages: readonly Bytes[], dictionary: Bytes | null): number {
  let length = 0;
  for (const message of messages) length += zstd.compress(message, { level: 3, dictionary }).length;
  return length;
}

/** What needs no training. */
function lastOf(samples: readonly Bytes[], size: number): Bytes {
  return concat(...samples).slice(-size);
}

describe('a trained dictionary', () => {
  const unseen = traffic(99, 300, 0);

  test('is much better than the last samples where traffic comes in bursts, and not worse where it does not', () => {
    for (const [burst, atMost] of [
      [400, 0.8],
      [0, 1.01],
    ] as const) {
      const samples = traffic(1, 2000, burst);
      const dictionary = trainDictionary(samples, 16384) ?? assert.fail('nothing was learnt');
      const trained = compressedLength(unseen, dictionary);
      const last = compressedLength(unseen, lastOf(samples, 16384));
      assert.ok(trained <= last * atMost, `${trained} bytes, with the last samples ${last}`);
      assert.ok(trained < compressedLength(unseen, null) / 2);
    }
  });

  test('is the same for the same samples', () => {
    const samples = traffic(2, 1000, 0);
    assert.deepEqual(trainDictionary(samples, 4096), trainDictionary(samples, 4096));
  });

  test('is none where nothing repeats, or nothing is there', () => {
    const noise = Array.from({ length: 2000 }, () => primitives.randomBytes(200));
    for (const samples of [noise, [], [new Uint8Array(0)], traffic(3, 1, 0)]) {
      assert.equal(trainDictionary(samples, 16384), null);
    }
    assert.equal(trainDictionary(traffic(3, 500, 0), 7), null);
  });

  test('takes less than a second, however much there is to learn from', () => {
    const samples = Array.from({ length: 40 }, (_none, seed) => traffic(seed, 1000, 100)).flat();
    const start = performance.now();
    assert.ok(trainDictionary(samples, 65536));
    assert.ok(performance.now() - start < 1000);
  });

  test('never begins like one in the format of zstd', () => {
    const magic = Uint8Array.of(0x37, 0xa4, 0x30, 0xec, 1, 2, 3, 4, 5, 6, 7, 8);
    const samples = Array.from({ length: 7 }, () => magic);
    const dictionary = trainDictionary(samples, 12) ?? assert.fail('nothing was learnt');
    assert.deepEqual(dictionary, magic.subarray(1));
    zstd.compress(magic, { level: 3, dictionary });
  });
});

describe('the trainer', () => {
  /** Its threads do not keep a process alive. */
  async function alive<T>(work: Promise<T>): Promise<T> {
    const timer = setInterval(() => {}, 1000);
    return work.finally(() => clearInterval(timer));
  }

  test('trains beside the main thread, one after the other', async () => {
    const trainer = new DictionaryTrainer();
    const samples = traffic(4, 1000, 0);
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const dictionaries = await alive(
      Promise.all([4096, 2048, 4].map((size) => trainer.train(samples, size))),
    );
    clearInterval(timer);
    assert.deepEqual(
      dictionaries,
      [4096, 2048, 4].map((size) => trainDictionary(samples, size)),
    );
    assert.ok(turns > 10, `${turns} turns`);
    await trainer.close();
  });

  test('gives none once it is closed, also for what is under way or waits', async () => {
    const trainer = new DictionaryTrainer();
    const asked = Promise.all([1, 2].map(() => trainer.train(traffic(5, 2000, 0), 65536)));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await trainer.close();
    assert.deepEqual(await alive(asked), [null, null]);
    assert.equal(await trainer.train(traffic(5, 100, 0), 4096), null);
  });
});

describe('the samples that are kept', () => {
  test('are a fair choice in bounded memory', () => {
    const roll = dice(6);
    const reservoir = new Reservoir(10_000, () => roll(1_000_000) / 1_000_000);
    for (let index = 0; index < 10_000; index++) reservoir.offer(() => new Uint8Array(10).fill(index / 2500));
    const kept = reservoir.all();
    assert.ok(kept.length > 300 && kept.length <= 1000, `${kept.length}`);
    for (const quarter of [0, 1, 2, 3]) {
      const share = kept.filter(([first]) => first === quarter).length / kept.length;
      assert.ok(share > 0.15 && share < 0.35, `quarter ${quarter} has ${share}`);
    }
    reservoir.clear();
    reservoir.offer(() => new Uint8Array(10_001));
    reservoir.offer(() => null);
    assert.equal(reservoir.all().length, 0);
  });
});

type Event =
  | readonly ['train', number]
  | readonly ['dictionary', bigint, number]
  | readonly ['disable', bigint];

describe('the dictionaries of a connection', () => {
  const HOUR = 60 * 60 * 1000;

  /** One whose training is done when the test says so. */
  class Rig {
    readonly events: Event[] = [];
    readonly asked: { samples: readonly Bytes[]; finish: (dictionary: Bytes | null) => void }[] = [];
    readonly training: Training;
    now = 0;

    constructor(limits: TrainingOptions['limits'] = {}) {
      this.training = new Training({
        now: () => this.now,
        train: (samples, size) => {
          this.events.push(['train', size]);
          return new Promise((resolve) => this.asked.push({ samples, finish: resolve }));
        },
        onDictionary: ({ id, level, minSize, maxSize }) => {
          assert.deepEqual([minSize, maxSize], [32, 16384n]);
          this.events.push(['dictionary', id, level]);
        },
        onDisable: (id) => this.events.push(['disable', id]),
        limits,
      });
    }

    send(length: number, times: number): void {
      for (let each = 0; each < times; each++) this.training.add(messageInMemory(new Uint8Array(length)));
    }

    async finish(dictionary: Bytes | null = new Uint8Array(100)): Promise<void> {
      this.asked.shift()?.finish(dictionary);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  test('are trained as the specification designed it', async () => {
    const rig = new Rig();
    rig.send(31, 10_000);
    rig.send(16384, 1000);
    rig.send(1000, 102);
    assert.deepEqual(
      rig.events,
      [],
      'nothing counts that is too short or too long, and 102 000 bytes are too few',
    );
    rig.send(1000, 1);
    assert.equal(rig.asked[0]?.samples.length, 103);
    await rig.finish();
    assert.deepEqual(rig.events.splice(0), [
      ['train', 16384],
      ['dictionary', 65536n, 3],
    ]);

    rig.send(10_000, 1038);
    assert.deepEqual(rig.events, []);
    rig.send(10_000, 1);
    const length = concat(...(rig.asked[0]?.samples ?? [])).length;
    assert.ok(length > MEBIBYTE / 4 && length <= MEBIBYTE, `${length} bytes are kept`);
    await rig.finish();
    assert.deepEqual(rig.events.splice(0), [
      ['train', 65536],
      ['dictionary', 65537n, 10],
    ]);

    rig.now = 60 * HOUR - 1;
    rig.send(10_000, 2000);
    assert.deepEqual(rig.events, [], 'it rests');
    rig.now = 60 * HOUR;
    rig.send(10_000, 1049);
    await rig.finish();
    assert.deepEqual(rig.events.splice(0), [
      ['train', 65536],
      ['disable', 65536n],
      ['dictionary', 65538n, 10],
    ]);
    rig.now = 120 * HOUR;
    rig.send(10_000, 1049);
    await rig.finish();
    assert.deepEqual(rig.events.slice(1), [
      ['disable', 65537n],
      ['dictionary', 65539n, 10],
    ]);
  });

  test('what was not learnt takes no id, and ends none', async () => {
    const limits = {
      low: { watermark: 100, size: 50, level: 3 },
      high: { watermark: 200, size: 60, level: 10 },
    };
    const rig = new Rig({ ...limits, retrainInterval: 0 });
    rig.send(100, 1);
    await rig.finish(null);
    rig.send(100, 1);
    await rig.finish();
    assert.deepEqual(rig.events, [
      ['train', 50],
      ['train', 60],
      ['dictionary', 65536n, 10],
    ]);
  });

  test('one training at a time; what goes by meanwhile counts', async () => {
    const limits = {
      low: { watermark: 100, size: 50, level: 3 },
      high: { watermark: 200, size: 60, level: 10 },
    };
    const rig = new Rig(limits);
    rig.send(100, 5);
    assert.deepEqual(rig.events, [['train', 50]]);
    await rig.finish();
    rig.send(100, 1);
    assert.deepEqual(rig.events.slice(1), [
      ['dictionary', 65536n, 3],
      ['train', 60],
    ]);
    assert.equal(rig.asked[0]?.samples.length, 6);
  });

  test('a connection that has ended gets none', async () => {
    const rig = new Rig({ low: { watermark: 100, size: 50, level: 3 } });
    rig.send(100, 1);
    rig.training.close();
    await rig.finish();
    rig.send(100, 100_000);
    assert.deepEqual(rig.events, [['train', 50]]);
  });
});
