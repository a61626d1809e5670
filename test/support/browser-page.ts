/** What runs in the page of test/e2e/browser-package.test.ts: it has `sotto/browser`, and nothing else of Sotto. */

import {
  createClient,
  Identity,
  loadWords,
  PublicKey,
  RequestClient,
  SessionClient,
  SottoError,
  StatusError,
  Subscriber,
} from '../../src/browser/index.ts';
import type { hmacAuth, topicKeyring } from '../../src/browser/secrets.ts';
import type { PageApp } from './page-app.ts';

type Secrets = { hmacAuth: typeof hmacAuth; topicKeyring: typeof topicKeyring };
type Told = { topic: string; text: string } | { missed: string | null };

const told: Told[] = [];
const waiting: ((one: Told) => void)[] = [];

function tell(one: Told): void {
  const next = waiting.shift();
  if (next) next(one);
  else told.push(one);
}

/** What was pushed or heard, in its order, one at a time. */
function next(): Promise<Told> {
  const one = told.shift();
  return one ? Promise.resolve(one) : new Promise((resolve) => waiting.push(resolve));
}

function textOf(topic: Uint8Array | null): string | null {
  return topic && new TextDecoder().decode(topic);
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'nothing';
  } catch (error) {
    if (error instanceof StatusError) return `${error.status} ${error.code}`;
    return error instanceof SottoError ? error.code : String(error);
  }
}

let session: SessionClient;
let subscriber: Subscriber;

const page = {
  next,

  async asks(url: string, serverKey: string, identity?: string): Promise<unknown> {
    const proof = identity === undefined ? {} : { identity: Identity.from(identity) };
    await using client = await RequestClient.connect(url, { serverKey, ...proof });
    const typed = createClient<PageApp>(client);
    const { celsius } = await typed.request('/weather/oslo');
    return {
      celsius: celsius.toFixed(1),
      echoed: await client.request('/echo', { from: 'a page', n: [1, null] }),
      sender: await typed.request('/sender'),
      counts: [await client.request('/count', null, { once: true }), await client.request('/count', null)],
      nothing: (await client.request('/nothing')) === undefined,
      failure: await failureOf(client.request('/none')),
    };
  },

  async asksByDate(url: string, serverKey: string): Promise<unknown> {
    await using client = await RequestClient.connect(url, { serverKey });
    const answer = await client.request('/echo', { when: new Date(0), ids: new Set([1, 2]) });
    const { when, ids } = answer as { when: Date; ids: Set<number> };
    return [when.toISOString(), [...ids]];
  },

  async joins(
    url: string,
    options: { serverKey: string; identity?: string } | { secret: string },
  ): Promise<void> {
    const { identity, ...rest } = { identity: undefined, ...options };
    const client = await SessionClient.connect(url, {
      ...rest,
      ...(identity === undefined ? {} : { identity: Identity.from(identity) }),
    });
    client.on('/said', ({ body }) => tell({ topic: 'said', text: String(body) }));
    client.on('/asked', ({ body }) => ({ ...(body as object), when: new Date(1) }));
    session = client;
  },

  async inSession(): Promise<unknown> {
    const early = await failureOf((async () => session.push('/say/den', new Date(0)))());
    const typed = createClient<PageApp>(session);
    const counted: number[] = [];
    for await (const number of typed.stream('/count/300')) counted.push(number);
    const doubled: unknown[] = [];
    for await (const number of session.stream('/double', numbers())) doubled.push(number);
    const { celsius } = await typed.request('/weather/oslo');
    await session.request('/join/den');
    return {
      early,
      celsius,
      counted: counted.reduce((sum, each) => sum + each, 0),
      doubled,
      who: await session.request('/sender'),
      asked: await session.request('/ask-me', { kept: true }),
      date: String((await session.request('/date')) instanceof Date),
      pushed: session.push('/say/den', 'to all in the den'),
    };
  },

  async listens(options: { broadcasters: string; secrets: Parameters<typeof hmacAuth>[0]; sealed: string }) {
    const { hmacAuth: auth, topicKeyring: keyring } = (await import(
      `${location.origin}/secrets.min.js`
    )) as Secrets;
    subscriber = await Subscriber.connect({
      broadcasters: options.broadcasters,
      auth: auth(options.secrets),
      keyring: keyring({ secrets: options.sealed, topics: ['sealed/*'] }),
    });
    const subscription = await subscriber.subscribe({
      glob: ['news/*', 'sealed/*'],
      onMissed: (topic) => tell({ missed: textOf(topic) }),
    });
    void (async () => {
      for await (const message of subscription)
        tell({ topic: textOf(message.topic) ?? '', text: await message.text() });
    })();
  },

  notify: (topic: string, body: string) => subscriber.notify(topic, body),

  async tellsByHttp(topic: string, body: string): Promise<unknown> {
    await using teller = await Subscriber.connect({ broadcasters: location.origin, transport: 'http' });
    const { notified } = await teller.notify(topic, body);
    return { notified, subscribing: await failureOf(teller.subscribe({ exact: ['a'] })) };
  },

  async words(key: string): Promise<unknown> {
    const before = await failureOf((async () => PublicKey.from(key).words)());
    await loadWords();
    return [before, PublicKey.from(key).words];
  },

  failsToAsk: (url: string, serverKey: string) =>
    failureOf(
      RequestClient.connect(url, { serverKey, retries: 0 }).then((client) => client.request('/echo')),
    ),
};

async function* numbers(): AsyncGenerator<number> {
  for (let number = 1; number <= 3; number++) yield number;
}

Object.assign(globalThis, { page });
