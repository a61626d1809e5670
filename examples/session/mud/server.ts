/**
 * A small world of text for several players, in a browser or a terminal; the server keeps the world.
 *
 *   node examples/session/mud/server.ts [PORT] [PAGE PORT]
 *   open the page that it prints, or run the command that it prints
 *
 * It listens for this machine alone. For others give the page TLS (a proxy): whoever can change it can change its key too.
 */

import { createApp, Identity, StatusError } from 'sotto';
import { type SessionHandle, SessionServer } from 'sotto/session';
import { z } from 'zod';
import { NAME } from '../names.ts';
import { servePage } from './site.ts';
import { type Player, World } from './world.ts';

const world = new World();
const players = new WeakMap<SessionHandle, Player>();

const app = createApp()
  .on('/enter', ({ body: name, session }) => enter(name, session), { schema: NAME })
  .on('/do', ({ body: line, session }) => world.do(playerOf(session), line), { schema: z.string().max(500) });

const [port = '7883', pagePort = '7884'] = process.argv.slice(2);
const identity = Identity.generate();
const server = await SessionServer.start(app, { identity, listen: `ws://127.0.0.1:${port}` });
server.on('away', ({ session }) => notice(session, 'stares into the distance.'));
server.on('back', ({ session }) => notice(session, 'blinks, and is back.'));
server.on('leave', ({ session }) => {
  const player = players.get(session);
  if (player) world.leave(player);
});

const [url = ''] = server.addresses;
console.log(await servePage(Number(pagePort), { url, serverKey: `${server.publicKey}` }));
console.log(`node examples/session/mud/client.ts ${url} ${server.publicKey} ada`);

function enter(name: string, session: SessionHandle | null): string {
  if (!session || players.has(session)) throw new StatusError(409, 'You are here already.');
  const player = world.enter(name, {
    hear: (text) => void session.push('/heard', text),
    see: (view) => void session.push('/seen', view),
  });
  if (!player) throw new StatusError(409, `There is a ${name} already.`);
  players.set(session, player);
  return world.do(player, 'look');
}

function playerOf(session: SessionHandle | null): Player {
  const player = session && players.get(session);
  if (!player) throw new StatusError(403, 'Say first who you are.');
  return player;
}

function notice(session: SessionHandle, what: string): void {
  const player = players.get(session);
  if (player) world.notice(player, what);
}
