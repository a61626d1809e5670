/** What a node keeps of strangers' texts: the beginning, and no more of the heap than that. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type InboundMessage, OK, SILENT } from '../../src/app/message.ts';
import { cutText, decodeUtf8 } from '../../src/bytes/text.ts';
import { Chat } from '../../src/node/chat.ts';
import { MESSAGE_ROUTE } from '../../src/node/chat-routes.ts';
import { LogTail } from '../../src/node/log-tail.ts';
import { Traffic } from '../../src/node/traffic.ts';
import { collectGarbage } from '../support/collect-garbage.ts';

const TEXTS = 32;
const LONG = 512 * 1024;

/** As it comes from a socket. */
function longText(): string {
  return decodeUtf8(Buffer.alloc(LONG, 'x'));
}

function requireSmall(keep: (text: string) => void): void {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < TEXTS; i++) keep(longText());
  collectGarbage();
  const kept = process.memoryUsage().heapUsed - before;
  assert.ok(kept < (TEXTS * LONG) / 4, `${kept} bytes are kept`);
}

function message(body: unknown, route = '/x'): InboundMessage {
  return { route, body, protocol: 'peers', remote: '192.0.2.1:5' };
}

describe('of long texts little is kept', () => {
  test('by the traffic', () => {
    const traffic = new Traffic();
    requireSmall((value) => traffic.note(message(''), { status: OK, value, representation: 't' }, 1));
    assert.equal(traffic.recent()[0]?.reply, 'x'.repeat(2000));
  });

  test('by the chat, whose writers are strangers too', () => {
    const chat = new Chat(() => null);
    requireSmall((text) => chat.take(message(text, MESSAGE_ROUTE)));
    requireSmall((user) => chat.take(message({ user, text: 'hi' }, MESSAGE_ROUTE)));
    assert.equal(chat.lines.at(0)?.text, 'x'.repeat(4000));
    assert.equal(chat.lines.at(-1)?.from, `~${'x'.repeat(100)}`);
  });

  test('by the end of the log', () => {
    const log = new LogTail(SILENT);
    requireSmall((why) => log.warn({ why }, 'odd'));
    assert.equal(log.lines.length, TEXTS);
  });
});

test('a cut through a character leaves text', () => {
  assert.equal(cutText('ab€', 3), 'ab€');
  assert.equal(cutText('a😀', 2), 'a\ufffd');
});

test('what a stranger says that is no text is shown shortly, whatever it is', () => {
  const chat = new Chat(() => null);
  chat.take(message({ text: 12345678901234567890n }, MESSAGE_ROUTE));
  chat.take(message(new Uint8Array(LONG).fill(255), MESSAGE_ROUTE));
  assert.equal(chat.lines[0]?.text, '{"text":"12345678901234567890"}');
  assert.equal(chat.lines[1]?.text, `0x${'ff'.repeat(1000)}`);
});
