/** The chat: what was said, and saying something. */

import { z } from 'zod';
import type { ChatView } from '../contract.ts';
import type { Panel } from './desk.ts';
import { bodyOf } from './input.ts';

const text = z.string().min(1).max(4000);
const name = z.string().min(1).max(300);
const Said = z.union([z.strictObject({ room: name, text }), z.strictObject({ peer: name, text })]);
const Room = z.strictObject({ name });

export const chatPanel: Panel = (app, { options: { chat }, hub }) => {
  app.get('/api/chat', (c) => c.json({ rooms: chat.rooms, lines: chat.lines } satisfies ChatView));
  app.post('/api/chat', async (c) => {
    const what = await bodyOf(c, Said);
    if ('room' in what) chat.say(what.room, what.text);
    else await chat.tell(what.peer, what.text);
    return c.body(null, 204);
  });
  app.post('/api/chat/rooms', async (c) => {
    chat.addRoom((await bodyOf(c, Room)).name);
    hub.changed('chat');
    return c.body(null, 204);
  });
};
