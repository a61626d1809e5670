/** The conformance kit: Sotto passes it, and whoever does wrong, whichever way, is caught. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import type { Answer, Case } from '../../src/conformance/case.ts';
import { casesOf, FAMILIES } from '../../src/conformance/families.ts';
import { failureLines, summary, tableLines } from '../../src/conformance/report.ts';
import { type RunResult, runKit, type Tally } from '../../src/conformance/run.ts';
import { answerTo } from '../../src/conformance/testee/testee.ts';
import { type Question, Testee } from '../../src/conformance/testee-process.ts';
import { codeOf } from '../../src/errors.ts';

/** How many cases each family has at least, and how many of the originals' vectors there are. */
const LEAST: Readonly<Record<string, number>> = {
  pssst: 500,
  sickserv: 350,
  lonelyps: 1400,
  stp: 190,
  'simple-client-server': 160,
  native: 1600,
};

const all = new Map<string, readonly Case[]>();

before(async () => {
  for (const family of FAMILIES) all.set(family, await casesOf(family));
});

const known = new Map<string, Answer>();

/** Sotto without a process between, but with its JSON. What was asked before is not worked out again. */
const ours = {
  async ask(question: Question): Promise<Answer> {
    if (/^(seal-request|open-reply)$/.test(question.operation)) return answerTo(question); // each once
    const key = JSON.stringify(question);
    const answer = known.get(key) ?? (JSON.parse(JSON.stringify(await answerTo(question))) as Answer);
    known.set(key, answer);
    return answer;
  },
};

function tallyOf({ tallies }: RunResult, family = tallies[0]?.family): Tally {
  return tallies.find((tally) => tally.family === family) ?? assert.fail(family);
}

describe('the cases', () => {
  test('there are many of each family, and no two have one name', () => {
    assert.deepEqual([...all.keys()], Object.keys(LEAST));
    for (const [family, cases] of all) {
      assert.ok(cases.length >= (LEAST[family] ?? 0), `${family}: ${cases.length}`);
      const names = cases.map(({ operation, name }) => `${operation} ${name}`);
      const twice = names.filter((name, at) => names.indexOf(name) !== at);
      assert.deepEqual(twice, []);
    }
  });

  test('Sotto conforms, and leaves nothing out', async () => {
    const result = await runKit(ours, all);
    assert.deepEqual(result.failures, []);
    for (const { family, passed } of result.tallies) assert.equal(passed, all.get(family)?.length);
    assert.ok(result.ok);
  });
});

describe('who does wrong is caught', () => {
  /** Sotto, but for what it does with its answer. */
  function altered(change: (answer: Answer, question: Question) => Answer): Pick<Testee, 'ask'> {
    return { ask: async (question) => change(await ours.ask(question), question) };
  }

  test('who accepts everything: for every case that must be rejected', async () => {
    const result = await runKit(
      altered((answer) => (answer.kind === 'rejected' ? { kind: 'output', output: {} } : answer)),
      all,
    );
    for (const tally of result.tallies) {
      assert.ok(tally.accepted >= 10, `${tally.family}: ${tally.accepted}`);
      assert.equal(tally.refused, 0);
    }
    assert.equal(result.ok, false);
  });

  test('who rejects everything: for every case that must be answered', async () => {
    const result = await runKit({ ask: async () => ({ kind: 'rejected' }) }, all);
    for (const tally of result.tallies) {
      assert.ok(tally.refused >= 60, `${tally.family}: ${tally.refused}`);
      assert.equal(tally.accepted + tally.wrong, 0);
    }
  });

  test('who answers everything alike', async () => {
    const result = await runKit({ ask: async () => ({ kind: 'output', output: {} }) }, all);
    const makes = new Set(['client', 'server']); // all that is asked of those is that they reject
    for (const tally of result.tallies) {
      const harmless = all.get(tally.family)?.filter(({ operation }) => makes.has(operation)) ?? [];
      assert.ok(tally.passed <= harmless.length, `${tally.family}: ${tally.passed}`);
    }
  });

  test('who changes one digit of what it answers', async () => {
    const result = await runKit(
      altered((answer) => {
        if (answer.kind !== 'output') return answer;
        const text = JSON.stringify(answer.output).replace(
          /":"([0-9a-fA-F])/,
          (_, digit: string) => `":"${digit === '0' ? '1' : '0'}`,
        );
        return { kind: 'output', output: JSON.parse(text) };
      }),
      all,
    );
    for (const tally of result.tallies) assert.ok(tally.wrong >= 20, `${tally.family}: ${tally.wrong}`);
  });

  test('who supports nothing has not conformed', async () => {
    const result = await runKit({ ask: async () => ({ kind: 'unsupported' }) }, all);
    assert.equal(result.ok, false);
    assert.match(summary(result), /^Nothing was judged/);
    assert.deepEqual(result.failures, []);
  });
});

describe('programs', () => {
  /** Five questions of PSSST, and two that must be rejected. */
  function few(): ReadonlyMap<string, readonly Case[]> {
    const cases = all.get('pssst') ?? [];
    const good = cases.filter(({ operation }) => operation === 'public' || operation === 'derive');
    return new Map([
      ['pssst', [...good, ...cases.filter(({ operation }) => operation === 'client').slice(0, 2)]],
    ]);
  }

  function first(): ReadonlyMap<string, readonly Case[]> {
    return new Map([...few()].map(([family, cases]) => [family, cases.slice(0, 1)]));
  }

  async function judged(script: string, cases = few(), timeout = 20_000): Promise<RunResult> {
    const program = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, operation } = JSON.parse(line);
      const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\\n');
      ${script}
    })`;
    await using testee = new Testee({ command: process.execPath, args: ['-e', program], timeout });
    return await runKit(testee, cases);
  }

  const FAULTS: readonly (readonly [how: string, script: string, told: RegExp, timeout?: number])[] = [
    ['ends', 'console.error("out of cheese"); process.exit(3);', /exit code 3\): out of cheese$/],
    ['is killed', 'process.kill(process.pid, "SIGKILL");', /SIGKILL/],
    ['says nothing', '', /did not answer within 50 ms/, 50],
    ['says what is no JSON', 'process.stdout.write("hello\\n");', /"hello": it is no object of JSON/],
    ['answers another question', 'say({ id: id + 1, rejected: true });', /its id is not/],
    ['answers neither way', 'say({ id });', /neither an output/],
    [
      'answers twice',
      'const both = JSON.stringify({ id, rejected: true }) + "\\n"; process.stdout.write(both + both);',
      /more than one line/,
    ],
    ['never ends its line', 'process.stdout.write("x".repeat(5_000_000));', /over 4194304 characters/],
  ];
  for (const [how, script, told, timeout] of FAULTS) {
    test(`one that ${how}`, async () => {
      const result = await judged(script, first(), timeout);
      assert.deepEqual([tallyOf(result).faults, result.ok], [1, false]);
      assert.match(String(result.failures[0]?.got), told);
    });
  }

  test('one that never answers is not asked for ever', async () => {
    const { faults, skipped } = tallyOf(await judged('process.exit(1);'));
    assert.deepEqual([faults, skipped], [5, 2]);
  });

  test('one that fails once is started again, and asked the rest', async () => {
    const result = await judged('if (operation === "derive") process.exit(1); say({ id, rejected: true });');
    assert.deepEqual(tallyOf(result), {
      ...{ family: 'pssst', passed: 2, wrong: 0, accepted: 0, refused: 3 },
      ...{ faults: 2, skipped: 0, unsupported: 0 },
    });
  });

  test('one that is not there is said so', async () => {
    await using testee = new Testee({ command: './no-such-program', args: [], timeout: 1000 });
    await assert.rejects(runKit(testee, few()), (error) => codeOf(error) === 'invalid_argument');
  });

  test('what is asked is ASCII, whatever is in it', async () => {
    const echo =
      'process.stdin.on("data", (d) => console.log(JSON.stringify({ id: 1, output: { line: d.toString() } })))';
    await using testee = new Testee({ command: process.execPath, args: ['-e', echo], timeout: 20_000 });
    const answer = await testee.ask({ family: 'é', operation: '\u2028😀', input: {} });
    assert.ok(answer.kind === 'output');
    const line = String(answer.output.line);
    assert.match(line, /^[\n\x20-\x7e]+$/);
    assert.deepEqual(JSON.parse(line), { id: 1, family: 'é', operation: '\u2028😀', input: {} });
    await testee.close();
    const again = testee.ask({ family: 'a', operation: 'b', input: {} });
    await assert.rejects(again, (error) => codeOf(error) === 'aborted');
  });

  test('the report names what was expected and what came', async () => {
    const result = await judged('say({ id, output: { public: "00", key: "00" } });');
    const lines = failureLines(result.failures);
    assert.match(
      lines.join('\n'),
      /pssst public: public key of server: another answer\n {2}expected \{"public":"d837/,
    );
    assert.match(
      lines.join('\n'),
      /accepted, and must be rejected\n {2}expected rejected\n {2}got {6}\{"public":"00"/,
    );
    const [head = '', row = ''] = tableLines(result.tallies);
    assert.equal(head.length, row.length);
    assert.equal(summary(result), 'It does not conform: 0 passed, 7 failed.');
  });
});

test('the example of the docs conforms in what it knows, and a mistake in it is found', async () => {
  const [, example = ''] = /```python\n([\s\S]*?)```/.exec(readFileSync('docs/conformance.md', 'utf8')) ?? [];
  const sickserv = new Map([['sickserv', all.get('sickserv') ?? []]]);
  const run = async (program: string): Promise<RunResult> => {
    await using testee = new Testee({ command: 'python3', args: ['-c', program], timeout: 20_000 });
    return await runKit(testee, sickserv);
  };
  const [right, wrong] = await Promise.all([run(example), run(example.replace('.upper()', ''))]);
  assert.equal(summary(right), 'It conforms: 48 passed, 0 failed, 308 not supported.');
  assert.equal(wrong.ok, false);
  assert.ok(tallyOf(wrong).wrong >= 5);
});

describe('the command', () => {
  const commands = new URL('../../src/cli/conformance.ts', import.meta.url).href;
  const PROGRAM = `
    import { Command } from 'commander';
    import { addConformanceCommands } from ${JSON.stringify(commands)};
    const program = new Command('sotto');
    addConformanceCommands(program);
    program.parseAsync(process.argv.slice(1), { from: 'user' }).catch(({ message }) => {
      process.stderr.write(message);
      process.exitCode = 2;
    });
  `;
  const itself = [process.execPath, '--input-type=module', '-e', PROGRAM, '--', 'conformance-testee'];

  function sotto(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const argv = ['--input-type=module', '-e', PROGRAM, '--', 'conformance', ...args];
    return new Promise((resolve) => {
      execFile(process.execPath, argv, { maxBuffer: 2 ** 24 }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });
  }

  test('judges; what follows the program is the program’s', async () => {
    const families = ['--family', 'simple-client-server', '--family', 'stp'];
    const [plain, json] = await Promise.all([
      sotto(...families, ...itself),
      sotto('--json', ...families, 'cat'),
    ]);
    assert.deepEqual([plain.code, plain.stderr], [0, '']);
    assert.match(plain.stdout, /^stp +\d{3} +0 +0 +0 +0 +0 +0$/m);
    assert.match(plain.stdout, /\nIt conforms: \d{3} passed, 0 failed\.\n$/);
    const { ok, failures } = JSON.parse(json.stdout) as RunResult;
    assert.deepEqual([json.code, ok, failures.length], [1, false, 10]);
  });

  test('lists its cases, and tells who uses it wrongly what to do', async () => {
    const [listed, none, unknown, missing] = await Promise.all([
      sotto('--list', '--json', '--family', 'pssst'),
      sotto('--family', 'stp'),
      sotto('--family', 'morse', 'x'),
      sotto('--family', 'stp', './no-such-program'),
    ]);
    const cases = listed.stdout.trimEnd().split('\n');
    assert.deepEqual([listed.code, cases.length], [0, all.get('pssst')?.length]);
    assert.equal(cases[0], '{"family":"pssst","operation":"public","name":"public key of server"}');
    assert.match(none.stderr, /sotto conformance COMMAND/);
    assert.match(unknown.stderr, /one of pssst, sickserv/);
    assert.match(missing.stderr, /"\.\/no-such-program" cannot be started/);
  });
});
