/** Many questions to one Python process: a line of JSON each, and a line of JSON for each answer. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** @param program reads lines and prints one for each. */
export function askPython(program: string, questions: readonly unknown[]): unknown[] {
  const { stdout, status, stderr } = spawnSync('python3', ['-c', program], {
    input: questions.map((question) => JSON.stringify(question)).join('\n'),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(status, 0, stderr);
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  assert.equal(answers.length, questions.length);
  return answers;
}
