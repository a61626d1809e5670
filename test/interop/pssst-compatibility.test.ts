/**
 * Two programs that speak the compatibility protocol, cross-wired. Ours against itself always; against any other
 * implementation with its command in PSSST_PEER, such as the `compatibility` example of pypssst or gopssst.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

const OURS = [process.execPath, 'examples/pssst-compatibility.ts'];

function start([command = '', ...args]: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin?.on('error', () => {}); // the other side may leave first
  return child;
}

async function crossWire(left: readonly string[], right: readonly string[]): Promise<void> {
  const programs = [start(left), start(right)] as const;
  programs[0].stdout?.pipe(programs[1].stdin ?? assert.fail());
  programs[1].stdout?.pipe(programs[0].stdin ?? assert.fail());
  const lines: string[] = [];
  for (const program of programs) program.stdout?.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  const ended = await Promise.all(
    programs.map(async (program) => (await once(program, 'exit'))[0] as number),
  );
  assert.equal(ended[0], 0, lines.join(''));
  const tags = lines.join('').match(/^[A-Z_]+/gm) ?? [];
  for (const tag of ['SERVER_KEY', 'REQUEST', 'REQUEST_AUTH', 'REPLY', 'REPLY_AUTH']) {
    assert.equal(tags.filter((each) => each === tag).length, 2, tag);
  }
}

test('ours understands ours', () => crossWire(OURS, OURS));

const peer = process.env.PSSST_PEER;
if (peer !== undefined) {
  test(`ours understands ${peer}, whoever starts`, async () => {
    await crossWire(OURS, peer.split(' '));
  });
}
