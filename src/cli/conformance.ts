/** `sotto conformance`: judges any program that speaks one of the wires, by questions on its standard input. */

import { type Command, InvalidArgumentError } from 'commander';
import type { Case } from '../conformance/case.ts';
import { casesOf, FAMILIES } from '../conformance/families.ts';
import { failureLines, summary, tableLines } from '../conformance/report.ts';
import { runKit } from '../conformance/run.ts';
import { Testee } from '../conformance/testee-process.ts';
import { SottoError } from '../errors.ts';
import { duration } from './duration.ts';
import { EXIT, endProgress, type OutputOptions, printJson, printLine, showProgress } from './terminal.ts';

interface ConformanceOptions extends OutputOptions {
  readonly family?: readonly string[];
  readonly list?: boolean;
  /** ms */
  readonly timeout: number;
}

/** Chosen, ms: an interpreter may take a second to start. */
const TIMEOUT = 10_000;

export function addConformanceCommands(program: Command): void {
  program.enablePositionalOptions(); // for passThroughOptions: what follows the command is the command's
  program
    .command('conformance')
    .argument('[command...]', 'the program under test, with its arguments')
    .description('judge a program of anybody by the vectors of all wires; docs/conformance.md tells how')
    .option('--family <name>', `one of ${FAMILIES.join(', ')}; may be repeated (default all)`, addFamily)
    .option('--timeout <length>', 'how long an answer may take, such as 2s', duration, TIMEOUT)
    .option('--list', 'print the cases, and run none')
    .option('--json', 'print JSON')
    .passThroughOptions()
    .addHelpText('after', '\nExamples:\n  sotto conformance --family pssst python3 my_testee.py')
    .addHelpText('after', '  sotto conformance sotto conformance-testee')
    .action(judge);
  program
    .command('conformance-testee')
    .description('be the program under test: a line of JSON asks on stdin, a line answers on stdout')
    .addHelpText('after', '\nExample:\n  sotto conformance sotto conformance-testee')
    .action(beTestee);
}

/** It loads every wire there is, which no other command should wait for. */
async function beTestee(): Promise<void> {
  const { runTestee } = await import('../conformance/testee/testee.ts');
  await runTestee(process.stdin, process.stdout);
}

function addFamily(name: string, before: readonly string[] = []): readonly string[] {
  if (FAMILIES.includes(name)) return [...before, name];
  throw new InvalidArgumentError(`It must be one of ${FAMILIES.join(', ')}.`);
}

async function judge(words: readonly string[], options: ConformanceOptions): Promise<void> {
  const { family: names = FAMILIES, timeout, json = false } = options;
  const families = new Map<string, readonly Case[]>();
  for (const name of names) families.set(name, await casesOf(name));
  if (options.list) return list([...families.values()].flat(), json);
  const [command, ...args] = words;
  if (command === undefined) {
    throw new SottoError(
      'invalid_argument',
      'Name the program to judge: sotto conformance COMMAND [ARGUMENT…].',
    );
  }
  await using testee = new Testee({ command, args, timeout });
  // It leads a group of its own, which Ctrl-C does not reach.
  process.once('SIGINT', () => testee.close().finally(() => process.exit(EXIT.failed)));
  const result = await runKit(testee, families, showProgress).finally(endProgress);
  if (json) printJson(result);
  else {
    const lines = [...failureLines(result.failures), ...tableLines(result.tallies), summary(result)];
    for (const line of lines) printLine(line);
  }
  if (!result.ok) process.exitCode = EXIT.failed;
}

function list(cases: readonly Case[], json: boolean): void {
  for (const { family, operation, name } of cases) {
    if (json) printJson({ family, operation, name });
    else printLine(`${family}\t${operation}\t${name}`);
  }
}
