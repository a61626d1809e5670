/** Messages over HTTP: in order and once each, whatever becomes of questions and their answers. */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { SottoError } from '../../src/errors.ts';
import type { HttpExchange, Pipe } from '../../src/platform/types.ts';
import { HttpMount } from '../../src/transport/http-mount.ts';
import { HttpPipes, httpPipe } from '../../src/transport/http-pipe.ts';
import { parseUrl } from '../../src/transport/url.ts';
import {
  BATCH_CONTENT_TYPE,
  decodeBatch,
  encodeBatch,
  encodeBatchRequest,
} from '../../src/wire/http-batch.ts';
import { Journal } from '../support/journal.ts';

const ID = new Uint8Array(16).fill(7);
const PATH = '/session';
const TEXT = new TextEncoder();

/** What a server takes, without a network: each POST is answered by hand. */
class Desk {
  readonly pipes: Pipe[] = [];
  readonly heard = new Journal<string>();
  readonly #takers = new Map<string, (exchange: HttpExchange) => void>();

  /** @param onMessage called before each is noted. */
  constructor(onMessage: (pipe: Pipe) => void = () => {}) {
    const pipes = new HttpPipes(
      { maxMessage: 1000, maxPipes: 2, newId: () => ID },
      (pipe) => {
        this.pipes.push(pipe);
        pipe.start({
          onData: (message) => {
            onMessage(pipe);
            this.heard.add(new TextDecoder().decode(message));
          },
          onDrain() {},
          onClose: (why) => this.heard.add(`closed ${why}`),
        });
      },
      () => {},
    );
    const mount = {
      onPost: (path: string, take: (exchange: HttpExchange) => void) => this.#takers.set(path, take),
      onPostBelow: (path: string, take: (exchange: HttpExchange) => void) =>
        this.#takers.set(`${path}/`, take),
    };
    pipes.mountAt(PATH, mount as unknown as HttpMount);
  }

  post(path: string, body: Uint8Array): Promise<{ status: number; body: Uint8Array }> {
    return new Promise((resolve) => {
      const taker = this.#takers.get(path) ?? this.#takers.get(path.slice(0, path.lastIndexOf('/') + 1));
      taker?.({
        ...{ path, body, contentType: BATCH_CONTENT_TYPE, remote: { host: 'a', port: 1 } },
        closed: new AbortController().signal,
        answer: (status, answer = new Uint8Array(0)) => resolve({ status, body: answer }),
      });
    });
  }
}

const below = `${PATH}/${'07'.repeat(16)}`;

function message(number: number, text: string): { number: number; message: Uint8Array } {
  return { number, message: TEXT.encode(text) };
}

function textsIn(body: Uint8Array): string[] {
  return decodeBatch(body, 1000).map((each) => `${each.number} ${new TextDecoder().decode(each.message)}`);
}

async function opened(): Promise<Desk> {
  const desk = new Desk();
  const { status, body } = await desk.post(PATH, encodeBatchRequest(0, encodeBatch([message(0, 'hello')])));
  assert.deepEqual([status, body], [200, ID]);
  assert.deepEqual(desk.heard.entries, ['hello']);
  return desk;
}

describe('the serving side', () => {
  test('a question is held until there is an answer, and what is sent is not handled twice', async () => {
    const desk = await opened();
    const question = desk.post(below, encodeBatchRequest(0, new Uint8Array(0)));
    desk.pipes[0]?.send([TEXT.encode('one'), TEXT.encode('two')]);
    assert.deepEqual(textsIn((await question).body), ['0 one', '1 two']);
    const batch = encodeBatchRequest(2, encodeBatch([message(1, 'again')]));
    for (const _ of [1, 2]) assert.equal((await desk.post(below, batch)).status, 200);
    assert.deepEqual(desk.heard.entries, ['hello', 'again']);
  });

  test('an answer that was lost is answered again to the question that is repeated', async () => {
    const desk = await opened();
    desk.pipes[0]?.send([TEXT.encode('one')]);
    const nothing = encodeBatchRequest(0, new Uint8Array(0));
    assert.deepEqual(textsIn((await desk.post(below, nothing)).body), ['0 one']);
    desk.pipes[0]?.send([TEXT.encode('two')]);
    assert.deepEqual(textsIn((await desk.post(below, nothing)).body), ['0 one', '1 two']);
    assert.equal(desk.pipes[0]?.buffered, 2 * (12 + 3));
    // A question that was overtaken by what came after it confirms less than has come.
    desk.pipes[0]?.send([TEXT.encode('three')]);
    const both = await desk.post(below, encodeBatchRequest(1, encodeBatch([message(1, 'x')])));
    assert.deepEqual(textsIn(both.body), ['2 three']);
    assert.deepEqual(textsIn((await desk.post(below, nothing)).body), ['1 two', '2 three']);
    const held = desk.post(below, encodeBatchRequest(3, new Uint8Array(0)));
    assert.equal(desk.pipes[0]?.buffered, 0);
    desk.pipes[0]?.end();
    assert.deepEqual(textsIn((await held).body), []);
    assert.equal((await desk.post(below, nothing)).status, 404);
  });

  test('what is no batch, too early, or confirms what was never sent ends it', async () => {
    for (const body of [
      new Uint8Array(3),
      encodeBatchRequest(0, encodeBatch([message(2, 'early')])),
      encodeBatchRequest(1, new Uint8Array(0)),
      encodeBatchRequest(0, encodeBatch([{ number: 1, message: new Uint8Array(1001) }])),
      encodeBatchRequest(0, Uint8Array.of(0, 0, 0, 9)),
    ]) {
      const desk = await opened();
      assert.equal((await desk.post(below, body)).status, 400);
      assert.match(desk.heard.entries.at(-1) ?? '', /^closed /);
      assert.equal((await desk.post(below, encodeBatchRequest(0, new Uint8Array(0)))).status, 404);
    }
  });

  test('whoever gets the first message may end it; nothing more of the same POST is handed on', async () => {
    const desk = new Desk((pipe) => pipe.destroy());
    const batch = encodeBatch([message(0, 'one'), message(1, 'two')]);
    const { status } = await desk.post(PATH, encodeBatchRequest(0, batch));
    assert.deepEqual([status, desk.heard.entries], [200, ['closed null', 'one']]);
  });

  test('property: arbitrary bodies never throw', async () => {
    const bodies = fc.uint8Array({ maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(bodies, bodies, async (first, second) => {
        const desk = new Desk();
        await Promise.race([desk.post(PATH, first), Promise.resolve()]);
        await Promise.race([desk.post(below, second), Promise.resolve()]);
        for (const pipe of desk.pipes) pipe.destroy();
      }),
    );
  });
});

describe('both sides', () => {
  test('messages of every size, both ways at once, in order', async (t: TestContext) => {
    const mount = new HttpMount();
    const back = new Journal<string>();
    const pipes = new HttpPipes(
      { maxMessage: 65_535, maxPipes: 9, newId: () => ID },
      (pipe) => {
        pipe.start({ onData: (bytes) => pipe.send([bytes]), onDrain() {}, onClose() {} });
      },
      () => {},
    );
    pipes.mountAt(PATH, mount);
    const limits = {
      ...{ maxBody: 2 ** 20, maxConnections: 9, maxConnectionsPerHost: 9 },
      ...{ requestTimeout: 5000, idleTimeout: 5000 },
    };
    await mount.listen({ host: '127.0.0.1', port: 0, reusePort: false, limits, onDrop() {} });
    t.after(async () => {
      await pipes.close();
      await mount.leave();
    });
    const url = parseUrl(`http://127.0.0.1:${mount.port}${PATH}`);
    const near = httpPipe(url, { maxMessage: 65_535, timeout: 5000, onUnreachable: assert.fail });
    near.start({
      onData: (bytes) => back.add(`${bytes[0]} ${bytes.length}`),
      onDrain() {},
      onClose: (why) => back.add(`closed ${why}`),
    });
    const sizes = [1, 65_535, 10, 60_000, 60_000, 60_000, 60_000, 60_000, 2, 30_000];
    for (const [index, size] of sizes.entries()) near.send([new Uint8Array(size).fill(index)]);
    await back.until('the last', (entry) => entry.startsWith(`${sizes.length - 1} `));
    assert.deepEqual(
      back.entries,
      sizes.map((size, index) => `${index} ${size}`),
    );
    near.destroy();
    assert.equal(back.entries.at(-1), 'closed null');
  });

  test('nobody there: it is closed, and says why', async () => {
    const closed = Promise.withResolvers<string | null>();
    const codes: string[] = [];
    const onUnreachable = ({ code }: SottoError): void => void codes.push(code);
    const url = parseUrl('http://127.0.0.1:1/session');
    const pipe = httpPipe(url, { maxMessage: 10, timeout: 5000, onUnreachable });
    pipe.start({ onData() {}, onDrain() {}, onClose: closed.resolve });
    pipe.send([TEXT.encode('x')]);
    assert.match((await closed.promise) ?? '', /cannot be reached|ECONNREFUSED/);
    assert.deepEqual(codes, ['unreachable']);
  });
});
