/** The place of a part in a node: what a part does wrong stays in its place. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT } from '../../src/app/message.ts';
import { parseConfig } from '../../src/node/config.ts';
import { Slot } from '../../src/node/slot.ts';

test('a part that fails to take a change as it runs is to be started anew', async () => {
  const slot = new Slot(
    {
      name: 'request',
      settings: ({ request }) => request,
      start: async () => ({
        handle: null,
        addresses: [],
        apply: () => {
          throw new Error('no');
        },
        close: async () => {},
      }),
    },
    { log: SILENT, onStatus: () => {} },
  );
  const config = parseConfig({}, 'it');
  await slot.start(config);
  assert.equal(slot.apply(config), false);
  await slot.stop();
});
