/** What may be asked of a broadcaster by those who run it, and by whom. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeUtf8 } from '../../src/bytes/text.ts';
import type { HttpResponse } from '../../src/platform/types.ts';
import {
  type Operations,
  operationsResponse,
  type Probe,
  readiness,
  sharedProbe,
} from '../../src/pubsub/operations/health.ts';

const LOCAL = '127.0.0.1';
const STRANGER = '192.0.2.7';
const store: Probe = { name: 'store', check: async () => [] };
const away: Probe = { name: 'store', check: () => Promise.reject(new Error('disk I/O error')) };
const hanging: Probe = { name: 'backplane', check: () => new Promise(() => {}) };
const broken: Probe = {
  name: 'keys',
  check: () => {
    throw new Error('not even a promise');
  },
};

function operations(changes: Partial<Operations> = {}): Operations {
  const metrics = { text: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }) };
  return {
    access: 'local',
    probes: [store],
    isDraining: () => false,
    metrics,
    probeTimeout: 50,
    ...changes,
  };
}

function ask(
  path: string,
  given: Operations,
  {
    host = LOCAL,
    method = 'GET',
    headers = {},
  }: { host?: string; method?: string; headers?: Record<string, string> } = {},
): Promise<HttpResponse> | null {
  const header = (name: string): string | null => headers[name] ?? null;
  return operationsResponse({ method, path, header, remote: { host, port: 1 } }, given);
}

async function told(...args: Parameters<typeof ask>): Promise<{ status: number; value: unknown }> {
  const { status, body, headers } = (await ask(...args)) ?? assert.fail('not answered');
  assert.equal(headers?.['content-type'], 'application/json');
  return { status, value: JSON.parse(decodeUtf8(body)) };
}

describe('health', () => {
  test('is alive as long as it answers, also while the store is away and while it drains', async () => {
    for (const given of [
      operations(),
      operations({ probes: [away, hanging] }),
      operations({ isDraining: () => true }),
    ]) {
      assert.deepEqual(await told('/healthz', given), { status: 200, value: { status: 'ok' } });
    }
  });

  test('is ready where everything is there', async () => {
    assert.deepEqual(await told('/readyz', operations()), { status: 200, value: { status: 'ready' } });
  });

  test('names what is away, and not why', async () => {
    const given = operations({
      probes: [away, { name: 'disk', check: async () => 0 }, hanging, broken],
      probeTimeout: 5,
    });
    const value = { status: 'unavailable', away: ['store', 'backplane', 'keys'] };
    assert.deepEqual(await told('/readyz', given), { status: 503, value });
  });

  test('is not ready while it drains, and asks nothing then', async () => {
    const probes = [{ name: 'store', check: () => assert.fail('asked') }];
    const given = operations({ isDraining: () => true, probes });
    assert.deepEqual(await told('/readyz', given), { status: 503, value: { status: 'draining', away: [] } });
  });

  test('that begins to drain while it is asked is not ready', async () => {
    let isDraining = false;
    const check = async (): Promise<void> => {
      isDraining = true;
    };
    const given = operations({ probes: [{ name: 'store', check }], isDraining: () => isDraining });
    assert.equal((await ask('/readyz', given))?.status, 503);
    assert.deepEqual(await readiness(given), { isReady: false, away: [] });
  });

  test('of a store that is asked often is one question at a time', async () => {
    let asked = 0;
    const waiting: (() => void)[] = [];
    const probe = sharedProbe(
      {
        name: 'store',
        check: () => {
          asked += 1;
          return new Promise<void>((resolve) => waiting.push(resolve));
        },
      },
      10_000,
    );
    const given = operations({ probes: [probe], probeTimeout: 10_000 });
    const answers = Array.from({ length: 50 }, () => ask('/readyz', given));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(asked, 1);
    for (const resolve of waiting) resolve();
    for (const answer of answers) assert.equal((await answer)?.status, 200);
    const next = ask('/readyz', given);
    assert.equal(asked, 2);
    for (const resolve of waiting) resolve();
    assert.equal((await next)?.status, 200);
  });

  test('of a store that hung is asked anew', async () => {
    let hangs = true;
    const check = (): Promise<void> => (hangs ? new Promise(() => {}) : Promise.resolve());
    const given = operations({ probes: [sharedProbe({ name: 'store', check }, 5)], probeTimeout: 10_000 });
    assert.equal((await ask('/readyz', given))?.status, 503);
    hangs = false;
    assert.equal((await ask('/readyz', given))?.status, 200);
  });
});

describe('who is answered', () => {
  const paths = ['/healthz', '/readyz', '/metrics'];
  const statuses = async (
    access: Operations['access'],
    from: Parameters<typeof ask>[2],
  ): Promise<unknown[]> => {
    const answers = await Promise.all(paths.map((path) => ask(path, operations({ access }), from)));
    return answers.map((answer) => answer?.status ?? null);
  };

  test('local: the metrics to this machine alone, health to all', async () => {
    for (const host of [LOCAL, '127.8.8.8', '::1', '::ffff:127.0.0.1']) {
      assert.deepEqual(await statuses('local', { host }), [200, 200, 200], host);
    }
    for (const host of [STRANGER, '::', '::ffff:192.0.2.7', '10.0.0.1', '127.0.0.1.example', 'unknown', '']) {
      assert.deepEqual(await statuses('local', { host }), [200, 200, 404], host);
    }
  });

  test('local: not what has come through a proxy on this machine', async () => {
    for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      assert.deepEqual(await statuses('local', { headers: { [name]: STRANGER } }), [200, 200, 404], name);
    }
  });

  test('all: everything to everybody; off: nothing to anybody', async () => {
    for (const host of [LOCAL, STRANGER]) {
      assert.deepEqual(await statuses('all', { host }), [200, 200, 200]);
      assert.deepEqual(await statuses('off', { host }), [null, null, null]);
    }
  });

  test('any other path is somebody else’s', () => {
    for (const path of ['/', '/v1/notify', '/metrics/', '/healthz/x', '/Metrics', '', '//metrics']) {
      assert.equal(ask(path, operations({ access: 'all' })), null, path);
    }
  });

  test('only what changes nothing is answered', async () => {
    for (const path of paths) {
      const post = await ask(path, operations(), { method: 'POST' });
      assert.deepEqual([post?.status, post?.headers?.allow], [405, 'GET, HEAD']);
      assert.equal((await ask(path, operations(), { method: 'HEAD' }))?.status, 200);
    }
    const hidden = await ask('/metrics', operations(), { method: 'POST', host: STRANGER });
    assert.equal(hidden?.status, 404, 'nobody learns that it is there');
  });

  test('the metrics come as they are, and without any there are none', async () => {
    const answer = await ask('/metrics', operations());
    assert.equal(answer?.headers?.['content-type'], 'text/plain; version=0.0.4');
    assert.equal(answer?.headers?.['cache-control'], 'no-store');
    assert.equal(decodeUtf8(answer?.body ?? new Uint8Array(0)), 'up 1\n');
    assert.equal((await ask('/metrics', operations({ metrics: null })))?.status, 404);
  });
});
