/** Files from peer to peer, over a link in memory that is cut, slow, out of order, or lies. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { link, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import { FileStreamEnd, type FileStreamKeys } from '../../src/envelope/file-stream.ts';
import { codeOf, SottoError, StatusError } from '../../src/errors.ts';
import { cleanFileName, numberedName } from '../../src/peers/files/names.ts';
import { type FileHandler, FileReceiver, type FileReceiverOptions } from '../../src/peers/files/receiver.ts';
import {
  type AskPeer,
  type ConnectPeer,
  FileSender,
  type FileSenderOptions,
} from '../../src/peers/files/sender.ts';
import type { PeerId } from '../../src/peers/peer.ts';
import { downloads } from '../../src/platform/node/downloads.ts';
import type { Downloads, PartialFile, Pipe } from '../../src/platform/types.ts';
import { onePacketPipe } from '../../src/transport/one-packet-pipe.ts';
import {
  decodeFileStreamMessage,
  decodeStreamOpening,
  encodeFileStreamMessage,
  encodeStreamOpening,
  type FileStreamMessage,
} from '../../src/wire/file-stream.ts';
import { decodeBody, encodeBody } from '../../src/wire/representation.ts';
import { StpFrameReader } from '../../src/wire/stp.ts';
import { until } from '../support/lookup.ts';
import { pipePair } from '../support/pipe-pair.ts';

const ANN = 'a'.repeat(64) as PeerId;
const BOB = 'b'.repeat(64) as PeerId;
const EVE = 'e'.repeat(64) as PeerId;
const ROUTE = '/sotto/files/';
const QUICK: FileSenderOptions = { pause: 1, timeout: 5000 };

type Body = Record<string, unknown>;
type Weather = (route: string, body: Body) => Promise<Body> | Body;

/**
 * What Ann asks and sends reaches Bob as bytes would. The weather may hold, change or lose a question or its answer;
 * `stream` does so with what comes by a connection.
 */
class Link {
  weather: Weather = (_route, body) => body;
  /** Of records alone: a connection's first frame always arrives. Null cuts the connection. */
  stream: (record: Uint8Array) => Promise<Uint8Array | null> | Uint8Array | null = (record) => record;
  afterwards: (route: string, body: Body) => void = () => {};
  /** All that arrived by connections, records and frames, bytes. */
  carried = 0;
  readonly asked: string[] = [];
  receiver: FileReceiver | null;

  constructor(receiver: FileReceiver) {
    this.receiver = receiver;
  }

  readonly ask: AskPeer = (_peer, route, body, { signal, timeout = 5000 } = {}) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new SottoError('timeout', 'No answer.')), timeout);
      const abort = (): void => reject(new SottoError('aborted', 'It was aborted.'));
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort);
      const settled = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      this.#carry(route, body, signal).then(resolve, reject).finally(settled);
    });

  readonly connect: ConnectPeer = async () => {
    let isOpen = false;
    const [near, far] = pipePair(async (chunk) => {
      const arrives = isOpen ? await this.stream(chunk) : chunk;
      isOpen = true;
      this.carried += arrives?.length ?? 0;
      return arrives;
    });
    serve(far, () => this.receiver);
    return near;
  };

  async #carry(route: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
    const name = route.slice(ROUTE.length);
    const { representation, bytes } = encodeBody(body);
    const sent = await this.weather(name, decodeBody(bytes, representation) as Body);
    if (signal?.aborted) throw new SottoError('aborted', 'It was aborted.');
    this.asked.push(name);
    const handler = this.receiver?.handlers.get(route);
    if (!handler) throw new StatusError(404, 'There is no such route.', { code: 'route_not_found' });
    const answer = await handler(sent, ANN);
    this.afterwards(name, sent);
    return structuredClone(answer);
  }
}

/** As a node's door does: what is no stream that is awaited is closed. */
function serve(pipe: Pipe, receiver: () => FileReceiver | null): void {
  const packets = onePacketPipe(pipe, new StpFrameReader(), (packet) => {
    const id = decodeStreamOpening(packet);
    return id && (receiver()?.takeStream(id, pipe) ?? null);
  });
  packets.start({ onData: () => packets.end(), onDrain() {}, onClose() {} });
}

function cut(): never {
  throw new SottoError('unreachable', 'The link is cut.');
}

/** As slow as it takes for others to come first. */
function delay(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3));
}

/** Of records, each so-manieth is cut off. */
function cutting(way: Link, every: number): void {
  let records = 0;
  way.stream = (record) => (++records % every === 0 ? null : record);
}

async function folder(t: Pick<TestContext, 'after'>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sotto-files-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

function content(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, state = seed; i < size; i++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    bytes[i] = state >> 16;
  }
  return bytes;
}

interface Place {
  readonly from: string;
  readonly to: string;
  readonly receiver: FileReceiver;
  readonly link: Link;
  readonly sender: FileSender;
  readonly received: string[];
  readonly failed: string[];
}

async function place(
  t: Pick<TestContext, 'after'>,
  options: Partial<FileReceiverOptions> = {},
  sending: FileSenderOptions = {},
): Promise<Place> {
  const [from, to] = [await folder(t), await folder(t)];
  const received: string[] = [];
  const failed: string[] = [];
  const receiver = new FileReceiver({
    folder: to,
    onOffer: () => true,
    onReceived: ({ path }) => received.push(path),
    onFailed: (_offer, { code }) => failed.push(code),
    ...options,
  });
  t.after(() => receiver.close());
  const way = new Link(receiver);
  return {
    from,
    to,
    receiver,
    link: way,
    sender: new FileSender(way, { ...QUICK, ...sending }),
    received,
    failed,
  };
}

async function given(from: string, bytes: Uint8Array, name = 'plan.txt'): Promise<string> {
  const path = join(from, name);
  await writeFile(path, bytes);
  return path;
}

const status = (number: number) => (error: unknown) =>
  error instanceof StatusError && error.status === number;

/** Ann as a liar would write her: says whatever she is told to, under the right keys. */
class RawSender {
  readonly transfer: string;
  readonly keys: Pick<FileStreamKeys, 'id'> & Partial<FileStreamKeys>;
  readonly #pipe: Pipe;
  readonly #heard: (FileStreamMessage | null)[] = [];
  /** What was heard last, and how much of it is stored. */
  last: FileStreamMessage | null = null;
  have = 0;
  isClosed = false;

  static async agree(receiver: FileReceiver, offer: { id: string; size: number }): Promise<RawSender> {
    const end = new FileStreamEnd();
    const ask = receiver.handlers.get(`${ROUTE}offer`) as FileHandler;
    const go = (await ask({ ...offer, name: 'x', key: encodeHex(end.publicKey) }, ANN)) as {
      readonly key: string;
      readonly transfer: string;
    };
    const keys = end.agree('sender', decodeHex(go.key), decodeHex(go.transfer));
    return RawSender.connect(receiver, keys, go.transfer);
  }

  static async connect(
    receiver: FileReceiver,
    keys: RawSender['keys'],
    transfer: string = '',
  ): Promise<RawSender> {
    const [near, far] = pipePair();
    serve(far, () => receiver);
    return new RawSender(near, keys, transfer);
  }

  private constructor(pipe: Pipe, keys: RawSender['keys'], transfer: string) {
    this.keys = keys;
    this.transfer = transfer;
    this.#pipe = pipe;
    pipe.start({
      onData: (record) => {
        const plaintext = keys.opening?.open(record.subarray(4));
        this.last = plaintext ? decodeFileStreamMessage(plaintext) : null;
        if (this.last?.type === 'written') this.have = this.last.have;
        this.#heard.push(this.last);
      },
      onDrain() {},
      onClose: () => {
        this.isClosed = true;
        this.#heard.push(null);
      },
    });
    this.sendRaw(encodeStreamOpening(keys.id));
  }

  send(message: FileStreamMessage): void {
    this.sendSealed(encodeFileStreamMessage(message));
  }

  sendSealed(plaintext: readonly Uint8Array[]): void {
    if (this.keys.sealing) this.#pipe.send(this.keys.sealing.seal(plaintext));
  }

  sendRaw(bytes: Uint8Array): void {
    this.#pipe.send([bytes]);
  }

  /** What comes next; null for the end of the connection. */
  async heard(): Promise<FileStreamMessage | null> {
    await until(() => this.#heard.length > 0);
    return this.#heard.shift() ?? null;
  }
}

function statusIn(message: FileStreamMessage | null): number | null {
  return message?.type === 'failed' ? message.status : null;
}

describe('whole', () => {
  test('a file arrives under its name, for its owner alone, with progress', async (t) => {
    const { from, to, sender, received } = await place(t, {}, { record: 1000 });
    const bytes = content(25_500);
    const seen: number[] = [];
    const path = await given(from, bytes);
    const sent = await sender.sendFile(BOB, path, { onProgress: (done, total) => seen.push(done, total) });
    assert.deepEqual(new Uint8Array(await readFile(join(to, 'plan.txt'))), bytes);
    assert.equal((await stat(join(to, 'plan.txt'))).mode & 0o777, 0o600);
    assert.deepEqual(received, [join(to, 'plan.txt')]);
    assert.deepEqual(await readdir(to), ['plan.txt']);
    assert.deepEqual([sent.size, sent.bytesSent], [25_500, 25_500]);
    assert.deepEqual([seen[0], seen.at(-2), seen.at(-1)], [0, 25_500, 25_500]);
  });

  test('an empty one, and those of the default records', async (t) => {
    const { from, to, sender } = await place(t);
    for (const size of [0, 512 * 1024, 3 * 1024 * 1024 + 1]) {
      await sender.sendFile(BOB, await given(from, content(size), `of ${size}`));
      assert.equal((await stat(join(to, `of ${size}`))).size, size);
    }
  });

  test('nothing is overwritten, and the owner may choose another place', async (t) => {
    const at: { path: string | null } = { path: null };
    const { from, to, sender } = await place(t, { onOffer: () => (at.path ? { path: at.path } : true) });
    await writeFile(join(to, 'plan.txt'), 'mine');
    const path = await given(from, content(10));
    await sender.sendFile(BOB, path);
    await sender.sendFile(BOB, path);
    assert.equal(await readFile(join(to, 'plan.txt'), 'utf8'), 'mine');
    at.path = join('other', 'kept.bin');
    await sender.sendFile(BOB, path);
    assert.deepEqual((await readdir(to)).sort(), ['other', 'plan (2).txt', 'plan (3).txt', 'plan.txt']);
    assert.deepEqual(await readdir(join(to, 'other')), ['kept.bin']);
  });

  test('property: it arrives whole or an error is told, whatever is cut, held, doubled or damaged', async (t) => {
    const turns = (...bad: readonly string[]): fc.Arbitrary<string[]> =>
      fc.array(fc.constantFrom('fine', 'fine', 'fine', ...bad), { maxLength: 40 });
    let whole = 0;
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 4000 }),
      turns('cut', 'lost', 'slow', 'twice'),
      turns('fine', 'cut', 'bad', 'slow'),
      async (size, questions, records) => {
        const ends: (() => unknown)[] = [];
        const within = { after: (end: unknown) => void ends.push(end as () => unknown) };
        const {
          from,
          to,
          sender,
          link: way,
          received,
          failed,
        } = await place(within, {}, { record: 150, tries: 4, timeout: 500 });
        const bytes = content(size, size + 1);
        way.weather = async (route, body) => {
          const turn = questions.shift() ?? 'fine';
          if (turn === 'cut') cut();
          if (turn === 'slow') await delay();
          if (turn === 'twice' || turn === 'lost') {
            const again = way.receiver?.handlers.get(ROUTE + route)?.(structuredClone(body), ANN);
            again?.catch(() => {});
            if (turn === 'lost') cut();
          }
          return body;
        };
        way.stream = async (record) => {
          const turn = records.shift() ?? 'fine';
          if (turn === 'slow') await delay();
          if (turn === 'cut') return null;
          return turn === 'bad'
            ? record.map((byte, at) => (at === record.length - 1 ? byte ^ 1 : byte))
            : record;
        };
        const outcome = await sender.sendFile(BOB, await given(from, bytes)).catch((error: unknown) => error);
        const names = (await readdir(to)).filter((name) => !name.endsWith('.part'));
        for (const name of names) assert.deepEqual(new Uint8Array(await readFile(join(to, name))), bytes);
        if (outcome instanceof SottoError)
          assert.ok(names.length === 0 || outcome.code === 'unreachable', outcome.message);
        else assert.ok(names.length >= 1 && !(outcome instanceof Error), String(outcome));
        assert.equal(received.length, names.length);
        assert.deepEqual(failed, []);
        if (names.length > 0) whole += 1;
        for (const end of ends.reverse()) await end();
      },
    );
    await fc.assert(property, { numRuns: 100 });
    assert.ok(whole > 30, `${whole} arrived`);
    t.diagnostic(`${whole} of 100 arrived`);
  });
});

describe('going on', () => {
  test('after a cut only what was on its way is sent again', async (t) => {
    const { from, to, sender, link: way } = await place(t, {}, { record: 1000 });
    cutting(way, 30);
    const sent = await sender.sendFile(BOB, await given(from, content(100_000)));
    assert.equal((await stat(join(to, 'plan.txt'))).size, 100_000);
    assert.ok(sent.bytesSent > 100_000 && sent.bytesSent <= 100_000 + 4 * 4000, String(sent.bytesSent));
  });

  test('after a long cut and a restart of both, a later call goes on from the part file', async (t) => {
    const { from, to, sender, link: way, receiver } = await place(t, {}, { record: 1000 });
    const bytes = content(100_000);
    const path = await given(from, bytes);
    let records = 0;
    way.stream = (record) => (++records > 60 ? null : record);
    way.weather = (_route, body) => (records > 60 ? cut() : body);
    await assert.rejects(sender.sendFile(BOB, path), { code: 'unreachable' });
    await receiver.close();
    assert.match((await readdir(to)).join(), /^\.sotto-[0-9a-f]{40}\.part$/);
    const again = new FileReceiver({ folder: to, onOffer: () => true });
    t.after(() => again.close());
    const road = new Link(again);
    const sent = await new FileSender(road, { ...QUICK, record: 1000 }).sendFile(BOB, path);
    assert.ok(sent.bytesSent >= 39_000 && sent.bytesSent <= 45_000, String(sent.bytesSent));
    assert.ok(road.carried >= sent.bytesSent);
    assert.deepEqual(new Uint8Array(await readFile(join(to, 'plan.txt'))), bytes);
    assert.deepEqual(await readdir(to), ['plan.txt']);
  });

  test('a beginning that is not ours is sent anew; a changed file is another file', async (t) => {
    const { from, to, sender, link: way, receiver } = await place(t, {}, { record: 1000 });
    const path = await given(from, content(20_000));
    let records = 0;
    way.stream = (record) => (++records > 10 ? null : record);
    way.weather = (_route, body) => (records > 10 ? cut() : body);
    await assert.rejects(sender.sendFile(BOB, path), { code: 'unreachable' });
    await receiver.close();
    const part = join(to, (await readdir(to))[0] ?? '');
    await writeFile(part, content((await stat(part)).size, 99));
    const again = new FileReceiver({ folder: to, onOffer: () => true });
    t.after(() => again.close());
    const sent = await new FileSender(new Link(again), QUICK).sendFile(BOB, path);
    assert.equal(sent.bytesSent, 20_000);
    assert.deepEqual(new Uint8Array(await readFile(join(to, 'plan.txt'))), content(20_000));
    await writeFile(path, content(20_000, 7));
    assert.notEqual((await new FileSender(new Link(again), QUICK).sendFile(BOB, path)).id, sent.id);
  });

  test('the answer to the end is lost: told again, and there is one file', async (t) => {
    const { from, to, sender, link: way, received } = await place(t);
    let ends = 0;
    way.afterwards = (route) => (route === 'done' && ++ends < 3 ? cut() : undefined);
    await sender.sendFile(BOB, await given(from, content(1000)));
    assert.deepEqual([await readdir(to), received.length, ends], [['plan.txt'], 1, 3]);
  });

  test('a decision that takes its time is asked for again', async (t) => {
    let asked = 0;
    const onOffer = async (): Promise<boolean> => {
      asked += 1;
      return new Promise((resolve) => setTimeout(() => resolve(true), 60));
    };
    const { from, sender, link: way } = await place(t, { onOffer, hold: 10 });
    await sender.sendFile(BOB, await given(from, content(10)));
    assert.equal(asked, 1);
    assert.ok(way.asked.filter((route) => route === 'offer').length > 2);
  });

  test('nobody decides: 408, and the owner sees the offer taken back', async (t) => {
    let withdrawn = false;
    const onOffer = (_offer: unknown, signal: AbortSignal): Promise<boolean> => {
      signal.addEventListener('abort', () => {
        withdrawn = true;
      });
      return new Promise(() => {});
    };
    const { from, sender, receiver } = await place(t, { onOffer, hold: 5 }, { patience: 20 });
    await assert.rejects(sender.sendFile(BOB, await given(from, content(10))), status(408));
    assert.deepEqual([withdrawn, receiver.current.length], [true, 0]);
  });
});

describe('refused', () => {
  test('by default, by the owner, by size, by number, for want of space', async (t) => {
    const { from, to, sender, link: way } = await place(t);
    const path = await given(from, content(100));
    const tight: Downloads = { ...downloads, freeSpace: async () => 99 };
    const cases: [number, FileReceiverOptions][] = [
      [403, { folder: to }],
      [403, { folder: to, onOffer: async () => false }],
      [403, { folder: to, onOffer: () => true, maxSize: 99 }],
      [507, { folder: to, onOffer: () => true, storage: tight }],
    ];
    for (const [number, options] of cases) {
      way.receiver = new FileReceiver(options);
      await assert.rejects(sender.sendFile(BOB, path), status(number));
    }
    way.receiver = null;
    await assert.rejects(sender.sendFile(BOB, path), status(404));
    assert.deepEqual(await readdir(to), []);
  });

  test('too many at a time, of one peer and in all', async (t) => {
    const { receiver } = await place(t, { maxPerPeer: 2, maxTransfers: 3 });
    const offer = receiver.handlers.get(`${ROUTE}offer`) as FileHandler;
    const key = encodeHex(new FileStreamEnd().publicKey);
    const id = (digit: string): Body => ({ id: digit.repeat(64), name: 'x', size: 5, key });
    await offer(id('1'), ANN);
    await offer(id('2'), ANN);
    await offer(id('2'), ANN);
    await assert.rejects(offer(id('3'), ANN), status(503));
    await offer(id('3'), EVE);
    await assert.rejects(offer(id('4'), EVE), status(503));
  });

  test('what is malformed, foreign, too early or too much; then it goes on', async (t) => {
    const drops: string[] = [];
    const { receiver, to, received } = await place(t, { onDrop: (reason) => drops.push(reason) });
    const on = (route: string, body: unknown, from: PeerId = ANN): Promise<unknown> =>
      (receiver.handlers.get(ROUTE + route) as FileHandler)(body, from);
    const id = '1'.repeat(64);
    const bytes = content(35);
    const stranger = await RawSender.connect(receiver, { id: randomBytes(16) });
    assert.deepEqual(await stranger.heard(), null);
    const first = await RawSender.agree(receiver, { id, size: 35 });
    await assert.rejects(on('cancel', { id }, EVE), status(404));
    await assert.rejects(on('done', { transfer: first.transfer, sha256: '0'.repeat(64) }), status(412));
    await assert.rejects(on('done', { transfer: first.transfer, sha256: '0'.repeat(64) }, EVE), status(404));
    for (const route of ['offer', 'done', 'cancel']) {
      const { transfer } = first;
      for (const body of [null, undefined, 7, 'x', {}, new Uint8Array(3), { transfer }, { id: '../..' }]) {
        await assert.rejects(on(route, body), status(400));
      }
    }
    const offer = { id: '2'.repeat(64), name: 'x', key: encodeHex(new FileStreamEnd().publicKey) };
    for (const size of [-1, 1.5, Number.NaN, 2 ** 53, '5', null]) {
      await assert.rejects(on('offer', { ...offer, size }), status(400));
    }
    for (const key of [undefined, 7, '00', 'g'.repeat(64)]) {
      await assert.rejects(on('offer', { ...offer, size: 5, key }), status(400));
    }
    await assert.rejects(on('offer', { ...offer, size: 5, key: '0'.repeat(64) }), status(500)); // a low-order point
    await assert.rejects(on('offer', { ...offer, id, size: 36 }), status(412));
    // One connection for each agreement, and what does not open ends it.
    const again = await RawSender.connect(receiver, first.keys);
    assert.equal(await again.heard(), null);
    first.send({ type: 'data', data: bytes.subarray(0, 10) });
    assert.deepEqual(await first.heard(), { type: 'written', have: 0 });
    assert.deepEqual(await first.heard(), { type: 'written', have: 10 });
    first.sendRaw(Uint8Array.of(0, 0, 0, 20, ...randomBytes(20)));
    assert.equal(await first.heard(), null);
    for (const [raw, reason] of [
      [Uint8Array.of(0xff, 0xff, 0xff, 0xff), 'stream_frame_too_large'],
      [Uint8Array.of(0, 0, 0, 0), 'stream_decrypt_failed'],
    ] as const) {
      const liar = await RawSender.agree(receiver, { id, size: 35 });
      assert.deepEqual(await liar.heard(), { type: 'written', have: 10 });
      liar.sendRaw(raw);
      assert.equal(await liar.heard(), null);
      assert.equal(drops.at(-1), reason);
    }
    const odd = await RawSender.agree(receiver, { id, size: 35 });
    odd.sendSealed([Uint8Array.of(9, 9)]); // no kind
    assert.deepEqual([await odd.heard(), await odd.heard()], [{ type: 'written', have: 10 }, null]);
    // More than the file has is not taken; an agreement ends the one before.
    const long = await RawSender.agree(receiver, { id, size: 35 });
    long.send({ type: 'data', data: new Uint8Array(26) });
    assert.deepEqual(await long.heard(), { type: 'written', have: 10 });
    assert.equal(statusIn(await long.heard()), 416);
    const second = await RawSender.agree(receiver, { id, size: 35 });
    const third = await RawSender.agree(receiver, { id, size: 35 });
    assert.deepEqual(await second.heard(), { type: 'written', have: 10 });
    assert.equal(statusIn(await second.heard()), 412);
    third.send({ type: 'written', have: 7 }); // not its to say
    for (let at = 10; at < 35; at += 5) third.send({ type: 'data', data: bytes.subarray(at, at + 5) });
    await until(() => receiver.current.length === 1 && third.have === 35);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    assert.deepEqual(await on('done', { transfer: third.transfer, sha256 }), { size: 35 });
    await until(() => third.isClosed); // it is of no more use, and keeps no place
    assert.deepEqual(received, [join(to, 'x')]);
  });

  test('not what was hashed: both are told, and nothing is given out', async (t) => {
    const { receiver, to, failed, received } = await place(t);
    const liar = await RawSender.agree(receiver, { id: '1'.repeat(64), size: 5 });
    liar.send({ type: 'data', data: content(5) });
    await until(() => liar.have === 5);
    const done = receiver.handlers.get(`${ROUTE}done`) as FileHandler;
    const sha256 = createHash('sha256').update('other').digest('hex');
    await assert.rejects(done({ transfer: liar.transfer, sha256 }, ANN), status(422));
    assert.deepEqual([await readdir(to), failed, received], [[], ['status'], []]);
  });

  test('a full disk: the sender hears 507, and the part stays for later', async (t) => {
    const full = (part: PartialFile): PartialFile =>
      new Proxy(part, {
        get(target, key) {
          if (key === 'append' && target.length >= 500) {
            const cause = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
            return () =>
              Promise.reject(new SottoError('file_unwritable', '/home/bob/secret: full', { cause }));
          }
          const value = Reflect.get(target, key, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    const storage: Downloads = {
      ...downloads,
      openPartial: async (...where) => full(await downloads.openPartial(...where)),
    };
    const { from, to, sender, failed, link: way } = await place(t, { storage }, { record: 100 });
    const path = await given(from, content(1000));
    await assert.rejects(
      sender.sendFile(BOB, path),
      (error) => status(507)(error) && !String(error).includes('secret'),
    );
    assert.deepEqual(failed, ['status']);
    way.receiver = new FileReceiver({ folder: to, onOffer: () => true });
    assert.equal((await sender.sendFile(BOB, path)).bytesSent, 500);
  });

  test('given up by the sender, or by the receiver: nothing stays', async (t) => {
    let cancel = (): void => {};
    const onReceiving = (_offer: unknown, have: number): void => void (have >= 1000 && cancel());
    const { from, to, sender, failed, receiver } = await place(
      t,
      { onProgress: onReceiving },
      { record: 100 },
    );
    const path = await given(from, content(5000));
    const stop = new AbortController();
    const onProgress = (sent: number): void => void (sent >= 1000 && stop.abort());
    await assert.rejects(sender.sendFile(BOB, path, { signal: stop.signal, onProgress }), {
      code: 'aborted',
    });
    assert.deepEqual([await readdir(to), failed], [[], ['caller_gone']]);
    const ends: Promise<void>[] = [];
    cancel = () => {
      for (const offer of receiver.current) ends.push(receiver.cancel(offer));
    };
    await assert.rejects(sender.sendFile(BOB, path), status(403));
    await Promise.all(ends);
    assert.deepEqual(await readdir(to), []);
    await assert.rejects(sender.sendFile(BOB, path), status(403));
    cancel = () => {};
    await sender.sendFile(BOB, path); // while the last is still being removed
    assert.deepEqual(await readdir(to), ['plan.txt']);
  });

  test('a file that changes on its way, and one that is sent already', async (t) => {
    const { from, to, sender, link: way } = await place(t, {}, { record: 100 });
    const path = await given(from, content(1000));
    way.stream = async (record) => {
      await delay();
      return record;
    };
    let isChanged = false;
    const onProgress = (done: number): void => {
      if (done >= 300 && !isChanged) void writeFile(path, content(1000, 3));
      isChanged ||= done >= 300;
    };
    const sent = [1, 2].map(() => sender.sendFile(BOB, path, { onProgress }));
    const codes = await Promise.all(sent.map((each) => each.then(() => 'sent', codeOf)));
    assert.deepEqual(codes.sort(), ['conflict', 'file_invalid']); // which of the two begins is all one
    assert.deepEqual(await readdir(to), []);
    await assert.rejects(sender.sendFile(BOB, join(from, 'none')), { code: 'file_unreadable' });
    await assert.rejects(sender.sendFile(BOB, from), { code: 'file_unreadable' });
  });

  test('a transfer that brings nothing is put aside, and can be gone on with', async (t) => {
    const { receiver, failed } = await place(t, { idle: 300 });
    const id = '1'.repeat(64);
    const sender = await RawSender.agree(receiver, { id, size: 35 });
    sender.send({ type: 'data', data: content(5) });
    await until(() => failed.length > 0);
    assert.equal(statusIn(sender.last), 404);
    assert.deepEqual([receiver.current, failed], [[], ['handler_timeout']]);
    const again = await RawSender.agree(receiver, { id, size: 35 });
    assert.deepEqual(await again.heard(), { type: 'written', have: 5 });
    assert.notEqual(again.transfer, sender.transfer);
  });
});

describe('the folder', () => {
  test('names stay in it, whatever they say', () => {
    const cases: [string, string][] = [
      ['../../etc/passwd', 'passwd'],
      ['C:\\Windows\\system.ini', 'system.ini'],
      ['..', 'file'],
      ['a/..', 'a'],
      ['', 'file'],
      ['...bashrc', 'bashrc'],
      ['.. . x', 'x'],
      ['a\u0000b\nc\u007f', 'abc'],
      ['\u202egnp.exe', 'gnp.exe'],
      ['\u2066.x\u2069', 'x'],
      ['con', '_con'],
      ['NUL .txt', '_NUL .txt'],
      ['com1.tar.gz', '_com1.tar.gz'],
      ['console.log', 'console.log'],
      ['trailing. . ', 'trailing'],
      ['a:b|c?.txt', 'a_b_c_.txt'],
      ['\ud800x', 'x'],
      ['naïve – 日本.pdf', 'naïve – 日本.pdf'],
      [`${'ä'.repeat(300)}.jpeg`, `${'ä'.repeat(97)}.jpeg`],
    ];
    for (const [name, clean] of cases) assert.equal(cleanFileName(name), clean, JSON.stringify(name));
    assert.deepEqual([numberedName('a.b.c', 2), numberedName('a', 3)], ['a.b (2).c', 'a (3)']);
  });

  test('property: a clean name is a name, and stays as it is', () => {
    const parts = fc.constantFrom(
      '.',
      '..',
      '/',
      '\\',
      ' ',
      '\u202e',
      'con',
      'nul',
      ':',
      '\u0000',
      'é',
      'e\u0301',
      '\u200d',
      '.txt',
      '😀',
    );
    const names = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.array(parts).map((all) => all.join('')),
    );
    const property = fc.property(names, (name) => {
      const clean = cleanFileName(name);
      assert.equal(cleanFileName(clean), clean);
      assert.match(clean, /^[^./\\\s][^/\\]*$/u);
      assert.ok(!/[\p{Cc}\u202a-\u202e\u2066-\u2069:]|[. ]$/u.test(clean));
      assert.ok(new TextEncoder().encode(clean).length <= 200);
    });
    fc.assert(property, { numRuns: 1000 });
  });

  test('a link or a file with two names in the place of the part is replaced, not written to', async (t) => {
    const { from, to, sender, link: way, receiver } = await place(t, {}, { record: 100 });
    const path = await given(from, content(1000));
    let records = 0;
    way.stream = (record) => (++records > 3 ? null : record);
    await assert.rejects(sender.sendFile(BOB, path), { code: 'unreachable' });
    await receiver.close();
    const part = join(to, (await readdir(to))[0] ?? '');
    const victim = await given(from, content(300, 5), 'victim');
    for (const plant of [symlink, link]) {
      await rm(part, { force: true });
      await plant(victim, part);
      const again = new FileReceiver({ folder: to, onOffer: () => true });
      await new FileSender(new Link(again), QUICK).sendFile(BOB, path);
      assert.deepEqual(new Uint8Array(await readFile(victim)), content(300, 5));
    }
    assert.deepEqual((await readdir(to)).sort(), ['plan (2).txt', 'plan.txt']);
    await symlink(join(to, 'nowhere'), join(to, 'dangling'));
    const last = new FileReceiver({ folder: to, onOffer: () => true });
    await new FileSender(new Link(last), QUICK).sendFile(BOB, path, { name: 'dangling' });
    assert.deepEqual((await readdir(to)).filter((name) => name.startsWith('d')).sort(), [
      'dangling',
      'dangling (2)',
    ]);
  });

  test('parts that nobody has gone on with for a week are removed, others stay', async (t) => {
    const { from, to, sender } = await place(t);
    const old = (Date.now() - 8 * 24 * 3600 * 1000) / 1000;
    const [stale, fresh, other] = [
      `.sotto-${'0'.repeat(40)}.part`,
      `.sotto-${'1'.repeat(40)}.part`,
      'old.part',
    ];
    for (const name of [stale, fresh, other]) await writeFile(join(to, name), 'x');
    for (const name of [stale, other]) await utimes(join(to, name), old, old);
    await sender.sendFile(BOB, await given(from, content(10)));
    assert.deepEqual((await readdir(to)).sort(), [fresh, 'old.part', 'plan.txt'].sort());
  });
});
