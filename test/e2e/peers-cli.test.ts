/** `sotto peers`, `tell`, `shout`, `send` and `inbox`, as users run them: two programs by this host's loopback. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Result, sotto } from '../support/command.ts';
import { Journal } from '../support/journal.ts';

const BIN = fileURLToPath(new URL('../../bin/sotto.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sotto-peers-cli-'));
after(() => rmSync(folder, { recursive: true }));

/** Two people, each in a folder, in a group of their own: other runs on this machine are not met. */
function pair() {
  const place = mkdtempSync(join(folder, 'pair-'));
  const udpPort = String(20_000 + Math.floor(Math.random() * 30_000));
  const network = ['--udp-port', udpPort, '--port', '0', '--interface', 'lo'];
  const cwdOf = (user: string): string => {
    const cwd = join(place, user);
    mkdirSync(cwd, { recursive: true });
    return cwd;
  };
  const run = (user: string, command: readonly string[]): Promise<Result> =>
    sotto([...command, '--user', user, ...network], { cwd: cwdOf(user) });
  return {
    place,
    run,
    inbox: (user: string, ...args: string[]) =>
      Inbox.start(['inbox', '--user', user, ...network, ...args], cwdOf(user)),
  };
}

/** A running `sotto inbox`. */
class Inbox implements AsyncDisposable {
  readonly lines = new Journal<string>();
  readonly #child: ChildProcess;

  static async start(args: readonly string[], cwd: string): Promise<Inbox> {
    const child = spawn(process.execPath, [BIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const inbox = new Inbox(child);
    createInterface({ input: child.stdout }).on('line', (line) => inbox.lines.add(line));
    const [said] = await once(createInterface({ input: child.stderr }), 'line');
    if (/^Listening at port \d+, as /.test(String(said))) return inbox;
    child.kill(); // a child that is left running would keep this file from ending
    assert.fail(String(said));
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGINT');
    assert.deepEqual(await once(this.#child, 'exit'), [0, null]);
  }
}

test('listed, told, shouted and sent', { timeout: 60_000 }, async () => {
  const { run, inbox, place } = pair();
  await using bob = await inbox('bob', '--accept', 'all', '--json');
  const listed = await run('ada', ['peers', '--json']);
  const { peers } = JSON.parse(listed.stdout) as { peers: Record<string, unknown>[] };
  assert.equal(peers.length, 1, listed.stdout + listed.stderr);
  const [{ user, mark, words, id }] = peers as [Record<string, unknown>];
  assert.deepEqual([user, mark, String(words).split(' ').length], ['bob', 'verified', 8]);
  const table = await run('ada', ['peers']);
  assert.match(
    table.stdout,
    /^name +who +words +address +mark +heard\nbob +bob@\S+ +\w+ \w+ \w+ … +127\.0\.0\.1:\d+ +verified/,
  );

  const told = await run('ada', ['tell', 'bob', '/orders/new', '{"number":7}', '--json']);
  assert.deepEqual([told.code, told.stdout], [0, '{"ok":true}\n'], told.stderr);
  const message = JSON.parse(await bob.lines.until('tell', (line) => line.includes('/orders/new')));
  assert.deepEqual([message.body, message.seal, message.sender.user], [{ number: 7 }, 'sealed', 'ada']);

  const shouted = await run('ada', ['shout', '/news', 'tea is ready']);
  assert.equal(shouted.stdout, 'Sent, readable by all.\n');
  const news = JSON.parse(await bob.lines.until('shout', (line) => line.includes('/news')));
  assert.deepEqual([news.body, news.seal, news.sender.id], ['tea is ready', 'plain', null]);

  const content = Buffer.alloc(5_000_000, 'sotto');
  writeFileSync(join(place, 'ada', 'song.ogg'), content);
  const sent = await run('ada', ['send', String(id).slice(0, 12), 'song.ogg']);
  assert.match(sent.stdout, /^bob@\S+ has it: 5\.0 MB in [\d.]+ s, [\d.]+ MB\/s\.\n$/, sent.stderr);
  const file = JSON.parse(await bob.lines.until('file', (line) => line.includes('received')));
  assert.equal(file.path, join(place, 'bob', 'downloads', 'song.ogg'));
  assert.ok(readFileSync(file.path).equals(content));
});

test('trusted, blocked, forgotten, by name and without the peer being there', {
  timeout: 60_000,
}, async () => {
  const { run, inbox } = pair();
  const mark = async (): Promise<string> => {
    const { stdout } = await run('ada', ['peers', '--json', '--wait', '1']);
    const { peers, blocked } = JSON.parse(stdout);
    return blocked.length > 0 ? 'blocked' : peers[0]?.mark;
  };
  let words = '';
  {
    await using _bob = await inbox('bob');
    const shown = await run('ada', ['peers', 'words', 'bob', '--json', '--wait', '1']);
    words = JSON.parse(shown.stdout).theirs;
    assert.match(
      (await run('ada', ['peers', 'trust', 'bob', '--wait', '1'])).stdout,
      /^bob@\S+ is trusted: /,
    );
    assert.equal(await mark(), 'trusted');
    const refused = await run('ada', ['send', 'bob', BIN]);
    assert.deepEqual([refused.code, /refused|not wanted/.test(refused.stderr)], [1, true], refused.stderr);
  }
  assert.equal((await run('ada', ['peers', 'block', words])).code, 0);
  assert.equal(await mark(), 'blocked');
  assert.equal((await run('ada', ['peers', 'unblock', 'bob'])).code, 0);
  assert.equal((await run('ada', ['peers', 'forget', 'bob'])).code, 0);
  const gone = await run('ada', ['peers', 'forget', 'bob']);
  assert.deepEqual([gone.code, /Nobody is known as "bob"/.test(gone.stderr)], [2, true]);
});

test('a message waits on disk for who is away', { timeout: 60_000 }, async () => {
  const { run, inbox, place } = pair();
  {
    await using bob = await inbox('bob');
    await run('ada', ['tell', 'bob', '/first', 'one']);
    await bob.lines.until('first', (line) => / \[sealed, verified\] \/first: one$/.test(line));
  }
  const kept = await run('ada', ['tell', 'bob', '/second', 'two', '--keep', '1h', '--wait', '0.5']);
  assert.match(kept.stdout, /^bob@\S+ is away; the message waits until /, kept.stderr);
  assert.equal(statSync(join(place, 'ada', '.sotto', 'outbox.db')).mode & 0o777, 0o600);
  await using bob = await inbox('bob', '--exec', 'echo "$SOTTO_USER $SOTTO_SEAL $SOTTO_ROUTE $(cat)"');
  await run('ada', ['peers']);
  await bob.lines.until('second', (line) => line === 'ada sealed /second two');
});

test('a group hears its own', { timeout: 60_000 }, async () => {
  const { run, inbox, place } = pair();
  const secret = join(place, 'group.secret');
  writeFileSync(secret, 'a secret of our own\n', { mode: 0o600 });
  const group = ['--group-secret', secret];
  await using bob = await inbox('bob', ...group, '--hidden', '--route', '/news', '--json');
  await run('eve', ['shout', '/news', 'believe me']);
  assert.equal(
    (await run('ada', ['shout', '/news', 'sealed', ...group])).stdout,
    'Sent, sealed for the group.\n',
  );
  await bob.lines.until('news', (line) => JSON.parse(line).seal === 'group');
  assert.equal(bob.lines.entries.length, 1);
  chmodSync(secret, 0o644);
  const exposed = await run('ada', ['shout', '/news', 'x', ...group]);
  assert.deepEqual([exposed.code, /can be used by others/.test(exposed.stderr)], [1, true]);
});

test('several of one name are listed to choose from, which a program can tell from nobody', {
  timeout: 60_000,
}, async () => {
  const { run, inbox } = pair();
  await using _one = await inbox('bob');
  await using _two = await inbox('rob', '--user', 'bob', '--accept', 'all');
  const { peers } = JSON.parse((await run('ada', ['peers', '--json'])).stdout) as { peers: { id: string }[] };
  assert.equal(peers.length, 2);
  const short = peers.map(({ id }) => id.slice(0, 12));
  const tell = (to: string): Promise<Result> => run('ada', ['tell', to, '/x', '--wait', '1', '--json']);
  const trust = (): Promise<Result> => run('ada', ['peers', 'trust', 'bob', '--json', '--wait', '1']);
  for (const asked of [await tell('bob'), await trust()]) {
    const { code, message } = JSON.parse(asked.stdout);
    assert.deepEqual([asked.code, code], [2, 'peer_ambiguous']);
    for (const id of short) assert.ok(message.includes(id), message);
  }
  const nobody = await tell('carl');
  assert.deepEqual([nobody.code, JSON.parse(nobody.stdout).code], [2, 'peer_unknown']);
  for (const id of short) assert.equal((await tell(id)).stdout, '{"ok":true}\n');
});

test('wrong usage says what to do', { timeout: 60_000 }, async () => {
  const { run } = pair();
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [['chat'], 2, /needs a terminal/],
    [['chat', '--json'], 2, /needs a terminal/],
    [['peers', '--hidden'], 2, /groupSecret/],
    [['peers', 'nonsense'], 2, /too many arguments|unknown command/],
    [['tell', 'nobody', '/x', '--wait', '0'], 2, /Nobody is there who is meant by "nobody"/],
    [['tell', 'nobody', '/x', '--keep', '1y'], 2, /1h or 7d/],
    [['inbox', '--accept', 'some'], 2, /all, trusted, ask, none/],
    [['shout', '/x', 'y', '--group-secret', 'missing'], 1, /missing does not exist/],
  ];
  const check = async ([args, code, message]: (typeof cases)[number]): Promise<void> => {
    const result = await run('ada', args);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, message);
  };
  await run('ada', ['peers', '--wait', '0']); // makes the key, which all of them use
  await Promise.all(cases.map(check));
});
