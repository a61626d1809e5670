/** The chat without a terminal: what is drawn, what is typed, and that strangers' words command nothing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChatLine } from '../../src/cli/chat-commands.ts';
import { EMPTY_LINE, editLine } from '../../src/cli/chat-input.ts';
import { cursorOf, renderChat } from '../../src/cli/chat-screen.ts';
import { type ChatState, inRoom, newChat, nextRoom, withLine } from '../../src/cli/chat-state.ts';
import { fit, widthOf, wrap } from '../../src/cli/text-width.ts';
import { cleanLine } from '../../src/node/clean-text.ts';

const LOBBY = '/chat/lobby';
const AT = new Date(2026, 0, 31, 7, 5).getTime();

function busy(): ChatState {
  let state: ChatState = {
    ...newChat('ada', false, LOBBY),
    peers: [
      { name: 'bob', mark: 'trusted' },
      { name: 'eve\u001b[2J', mark: 'NEW KEY' },
      { name: '田中さん', mark: 'claimed' },
    ],
    input: { before: '/msg bob ', after: 'later' },
  };
  const line = { at: AT, room: LOBBY, from: '~bob', text: 'tea is ready 🍵' };
  state = withLine(state, { ...line, kind: 'plain' });
  state = withLine(state, { ...line, kind: 'sealed', room: null, from: 'bob@desk', text: 'under the mat' });
  state = withLine(state, { ...line, kind: 'plain', text: `long ${'wörter '.repeat(60)}` });
  return withLine(state, { ...line, kind: 'group', room: '/chat/music', text: 'la la' });
}

test('80x24: peers with their marks, rooms, messages and the line that is typed', () => {
  const rows = renderChat(busy(), { columns: 80, rows: 24 });
  assert.equal(rows.length, 24);
  for (const row of rows) assert.equal(widthOf(row), 80, row);
  const screen = rows.join('\n');
  assert.match(rows[0] ?? '', /lobby · plain: all can read · you are ada/);
  assert.match(screen, /^\* bob /m);
  assert.match(screen, /^! eve\[2J/m);
  assert.match(screen, /^\? 田中さん/m);
  assert.match(screen, /│ 07:05 plain ~bob: tea is ready 🍵/);
  assert.match(screen, /│ 07:05 🔒 bob@desk: under the mat/);
  assert.match(screen, /^> lobby /m);
  assert.match(screen, /^ {2}music \(1\)/m);
  assert.doesNotMatch(screen, /la la/);
  assert.doesNotMatch(screen, /\p{Cc}(?<!\n)/u);
  assert.match(rows[23] ?? '', /^> \/msg bob later/);
  assert.deepEqual(cursorOf(busy(), { columns: 80, rows: 24 }), { row: 23, column: 11 });
});

test('any size: exactly its rows, none wider', () => {
  for (const [columns, rows] of [
    [40, 10],
    [20, 5],
    [200, 60],
    [8, 2],
    [1, 1],
  ] as const) {
    const drawn = renderChat(busy(), { columns, rows });
    assert.equal(drawn.length, rows);
    for (const row of drawn) assert.ok(widthOf(row) <= columns, `${columns}x${rows}: "${row}"`);
    assert.ok(cursorOf(busy(), { columns, rows }).column < columns);
  }
  const small = renderChat(busy(), { columns: 40, rows: 10 });
  assert.match(small[1] ?? '', /^peers 3 /);
  assert.match(small[9] ?? '', /^> \/msg bob later/);
});

test('colours only where they are wanted, and they change no place', () => {
  const size = { columns: 80, rows: 24 };
  const plain = renderChat(busy(), size);
  const coloured = renderChat(busy(), { ...size, hasColours: true });
  assert.ok(coloured.join('').includes('\u001b['));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away
  const bare = coloured.map((row) => row.replace(/\u001b\[\d+m/g, ''));
  assert.deepEqual(bare, plain);
});

test('looking back, another room, and rooms without end', () => {
  const many = Array.from({ length: 100 }, (_, number) => number).reduce(
    (state, number) =>
      withLine(state, { at: AT, room: LOBBY, kind: 'plain', from: '~bob', text: `number ${number}!` }),
    busy(),
  );
  assert.match(renderChat(many, { columns: 80, rows: 24 }).join('\n'), /number 99!/);
  const back = renderChat({ ...many, scroll: 50 }, { columns: 80, rows: 24 }).join('\n');
  assert.match(back, /number 49!/);
  assert.doesNotMatch(back, /number 99!/);
  const music = inRoom(many, nextRoom(many));
  assert.equal(music.room, '/chat/music');
  assert.match(renderChat(music, { columns: 80, rows: 24 }).join('\n'), /🔒 ~bob: la la/);
  const flooded = Array.from({ length: 1000 }).reduce<ChatState>(
    (state, _, number) =>
      withLine(state, { at: AT, room: `/r/${number}`, kind: 'plain', from: '', text: 'x'.repeat(9999) }),
    busy(),
  );
  assert.ok(flooded.rooms.length <= 40);
  assert.ok(flooded.lines.every(({ text }) => text.length <= 4000));
});

test("strangers' texts are cleaned and measured", () => {
  assert.equal(cleanLine('a\u001b[31mb\r\nc\u202ed\u0007'), 'a[31mb cd');
  assert.equal(cleanLine(`z${'\u0301'.repeat(50)}`), `z${'\u0301'.repeat(3)}`);
  assert.equal(widthOf('a田🍵é👩‍👩‍👧'), 1 + 2 + 2 + 1 + 2);
  assert.equal(fit('田中さん', 5), '田中…');
  assert.equal(widthOf(fit('田中さん', 4)), 4);
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
  assert.deepEqual(wrap('abcdefgh', 3), ['abc', 'def', 'gh']);
});

test('commands', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['hello', { does: 'say', text: 'hello' }],
    ['//not a command', { does: 'say', text: '/not a command' }],
    ['  ', { does: 'nothing' }],
    ['/join music', { does: 'join', route: '/chat/music' }],
    ['/join #music', { does: 'join', route: '/chat/music' }],
    ['/join /news/oslo', { does: 'join', route: '/news/oslo' }],
    ['/msg bob the  key', { does: 'message', peer: 'bob', text: 'the  key' }],
    ['/msg "ada l" hi', { does: 'message', peer: 'ada l', text: 'hi' }],
    ['/words spoon source truck', { does: 'words', peer: 'spoon source truck' }],
    ['/trust "ada l"', { does: 'trust', peer: 'ada l' }],
    ['/block eve', { does: 'block', peer: 'eve' }],
    ['/send bob my song.ogg', { does: 'send', peer: 'bob', path: 'my song.ogg' }],
    ['/accept', { does: 'accept', which: '' }],
    ['/refuse 2', { does: 'refuse', which: '2' }],
    ['/quit', { does: 'quit' }],
    ['/help', { does: 'help' }],
  ];
  for (const [line, command] of cases) assert.deepEqual(parseChatLine(line), command, line);
  for (const line of ['/msg bob', '/send bob', '/trust', '/join', '/join /sotto/peers', '/x']) {
    assert.equal(parseChatLine(line).does, 'wrong', line);
  }
});

test('keys edit the line', () => {
  const type = (keys: readonly (string | { name: string; ctrl?: boolean })[]): string => {
    const line = keys.reduce(
      (now, key) => (typeof key === 'string' ? editLine(now, key, {}) : editLine(now, undefined, key)),
      EMPTY_LINE,
    );
    return `${line.before}|${line.after}`;
  };
  assert.equal(type(['a', '🍵', 'b', { name: 'left' }, { name: 'backspace' }]), 'a|b');
  assert.equal(type(['one two', { name: 'w', ctrl: true }]), 'one |');
  assert.equal(type(['ab', { name: 'home' }, { name: 'delete' }, 'x', { name: 'end' }]), 'xb|');
  assert.equal(type(['ab', { name: 'a', ctrl: true }, { name: 'right' }, { name: 'k', ctrl: true }]), 'a|');
  assert.equal(type(['\u001b[999~', 'x\u0007']), 'x|');
});
