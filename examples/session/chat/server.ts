/**
 * A chat: rooms, who is there, and names that a key proves, or that are no more than claimed.
 *
 *   node examples/session/chat/server.ts [PORT] [KEY FILE]
 *   node examples/session/chat/client.ts URL SERVER_KEY NAME [KEY FILE]     as the server prints it
 *
 * The first key to use a name owns it until the server stops; a claimed name is free again when its owner leaves.
 */

import { createApp, StatusError } from 'sotto';
import { type Session, type SessionHandle, SessionServer } from 'sotto/session';
import { z } from 'zod';
import { NAME, nameKey } from '../names.ts';
import { identityIn } from '../terminal.ts';

interface Person {
  readonly name: string;
  readonly isProved: boolean;
  room: string;
}

const ROOM = z.string().regex(/^[\p{L}\p{N}_-]{1,30}$/u, 'a room has up to 30 letters, digits, "_" and "-"');
const people = new WeakMap<SessionHandle, Person>();
/** By name: the fingerprint of a key, or the id of a session. */
const owners = new Map<string, string>();

const app = createApp()
  .on('/enter', ({ body: name, session, sender }) => enter(name, session, sender?.fingerprint), {
    schema: NAME,
  })
  .on('/join', ({ body: room, session }) => join(room, session), { schema: ROOM })
  .on('/say', ({ body: text, session }) => void tellRoom(personOf(session), '/said', { text }), {
    schema: z.string().min(1).max(1000),
  })
  .on('/who', ({ session }) => server.room(personOf(session).room).members.map(description));

const [port = '7882', keyFile = 'chat.key'] = process.argv.slice(2);
const identity = await identityIn(keyFile);
const server = await SessionServer.start(app, { identity, listen: `ws://127.0.0.1:${port}` });
server.on('room', ({ session, room, isIn }) => tellPresence(session, isIn ? 'comes in' : 'leaves', room));
server.on('away', ({ session }) => tellPresence(session, 'is away'));
server.on('back', ({ session }) => tellPresence(session, 'is back'));
server.on('leave', ({ session }) => {
  const person = people.get(session);
  if (person && !person.isProved) owners.delete(nameKey(person.name));
});
console.log(`node examples/session/chat/client.ts ${server.addresses[0]} ${server.publicKey} ada ada.key`);

function enter(name: string, session: SessionHandle | null, fingerprint: string | undefined): Person {
  if (!session || people.has(session)) throw new StatusError(409, 'You have a name already.');
  const owner = fingerprint ?? session.id;
  if ((owners.get(nameKey(name)) ?? owner) !== owner) throw new StatusError(409, `${name} is somebody else.`);
  owners.set(nameKey(name), owner);
  const person = { name, isProved: fingerprint !== undefined, room: 'lobby' };
  people.set(session, person);
  session.join(person.room);
  return person;
}

function join(room: string, session: SessionHandle | null): string {
  const person = personOf(session);
  session?.leave(person.room);
  person.room = room;
  session?.join(room);
  return room;
}

function personOf(session: SessionHandle | null): Person {
  const person = session && people.get(session);
  if (!person) throw new StatusError(403, 'Say first who you are.');
  return person;
}

function tellRoom({ name, isProved, room }: Person, route: string, news: object): void {
  server.room(room).push(route, { name, isProved, ...news });
}

function tellPresence(session: Session, what: string, room?: string): void {
  const person = people.get(session);
  if (person) tellRoom({ ...person, room: room ?? person.room }, '/presence', { what });
}

function description(session: Session): object {
  return { ...people.get(session), words: session.sender?.words, isHere: session.isConnected };
}
