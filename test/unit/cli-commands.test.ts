/** Commands are loaded when they are asked for: each by its own name, all for whoever asks what there is. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgram } from '../../src/cli/main.ts';

test('every command is found by its name, and among all', async () => {
  const { commands } = await createProgram();
  assert.ok(commands.length > 15);
  for (const command of commands) {
    const alone = await createProgram([command.name(), '--help']);
    assert.ok(alone.commands.length < 8, `${command.name()} loads what is not asked for`);
    const found = alone.commands.find((each) => each.name() === command.name());
    assert.equal(found?.description(), command.description());
  }
});
