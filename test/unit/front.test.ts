/** Who is asked before the app of a node, and what becomes of what they throw. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApp } from '../../src/app/app.ts';
import { OK, type Reply, SILENT } from '../../src/app/message.ts';
import { Front } from '../../src/node/front.ts';

const app = createApp().on('/x', () => 'the app');

function newFront(): Front {
  return new Front(app, () => true, SILENT);
}

function reply(value: string): Promise<Reply> {
  return Promise.resolve({ status: OK, value, representation: 't' });
}

test('what a taker throws or rejects with is an answer, and no handler sees the message', async () => {
  const front = newFront();
  const end = front.take(() => {
    throw new Error('broken');
  });
  assert.equal((await front.dispatch({ route: '/x' })).status, 500);
  end();
  front.take(() => Promise.reject(new Error('broken')));
  assert.equal((await front.dispatch({ route: '/x' })).status, 500);
});

test('what a taker leaves is for the app', async () => {
  const front = newFront();
  front.take(({ route }) => (route === '/mine' ? reply('taken') : null));
  assert.equal((await front.dispatch({ route: '/mine' })).value, 'taken');
  assert.equal((await front.dispatch({ route: '/x' })).value, 'the app');
});

test('what is asked first stays first, whenever it came', async () => {
  const front = newFront();
  front.take(() => reply('the chat'));
  const end = front.take(() => reply('a bridge'), 'first');
  assert.equal((await front.dispatch({ route: '/x' })).value, 'a bridge');
  end();
  assert.equal((await front.dispatch({ route: '/x' })).value, 'the chat');
});
