/** What a person types into the chat. */

import { roomRoute } from '../node/chat-routes.ts';
import { cleanLine } from '../node/clean-text.ts';

export type ChatCommand =
  | { readonly does: 'say'; readonly text: string }
  | { readonly does: 'join'; readonly route: string }
  | { readonly does: 'message'; readonly peer: string; readonly text: string }
  | { readonly does: 'words' | 'trust' | 'block'; readonly peer: string }
  | { readonly does: 'send'; readonly peer: string; readonly path: string }
  /** A file by its number, the oldest where there is none; or the new key of a peer. */
  | { readonly does: 'accept' | 'refuse'; readonly which: string }
  | { readonly does: 'quit' | 'help' | 'nothing' }
  | { readonly does: 'wrong'; readonly text: string };

export const HELP: readonly string[] = [
  '/join ROOM          another room, which is a route: lobby is /chat/lobby',
  '/msg PEER TEXT      to one peer alone, sealed',
  '/words PEER         your words and theirs, to compare aloud',
  '/trust PEER         you have compared them',
  '/block PEER         hear nothing more of it',
  '/send PEER FILE     a file; its owner decides whether it is taken',
  '/accept, /refuse    the oldest file offered, or /accept 2',
  '/accept PEER        the new key of a peer, once you have compared the words',
  '/quit               or Ctrl-C; Page Up and Page Down look back',
  '* trusted  + proved its key  ? only says so  ! has ANOTHER KEY  - plain',
  '~NAME is what a message says of itself: rooms prove no sender, /msg does',
];

const SHAPES: Readonly<Record<string, string>> = {
  join: '/join ROOM',
  msg: '/msg PEER TEXT',
  send: '/send PEER FILE',
};

export function parseChatLine(line: string): ChatCommand {
  const text = line.trim();
  if (text === '') return { does: 'nothing' };
  // Two slashes begin a text that begins with one.
  if (!text.startsWith('/') || text.startsWith('//'))
    return { does: 'say', text: text.replace(/^\/\//, '/') };
  const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/s.exec(text) ?? [];
  const [first, more] = firstOf(rest);
  switch (name) {
    case 'join':
      return join(first);
    case 'msg':
      return more === '' ? wrongUse('msg') : { does: 'message', peer: first, text: more };
    case 'send':
      return more === '' ? wrongUse('send') : { does: 'send', peer: first, path: more };
    case 'words':
    case 'trust':
    case 'block':
      return rest === '' ? wrong(`Like this: /${name} PEER`) : { does: name, peer: unquoted(rest) };
    case 'accept':
    case 'refuse':
      return { does: name, which: unquoted(rest) };
    case 'quit':
    case 'help':
      return { does: name };
    default:
      return wrong(`There is no /${cleanLine(name)}; /help lists what there is.`);
  }
}

function join(name: string): ChatCommand {
  if (name === '') return wrongUse('join');
  const route = roomRoute(name);
  return route === null ? wrong('A room is a word, such as lobby, or a route.') : { does: 'join', route };
}

/** The first word, which may stand in quotes, and the rest. */
function firstOf(text: string): [string, string] {
  const [, quoted, plain = '', rest = ''] = /^(?:"([^"]*)"|(\S*))\s*(.*)$/s.exec(text) ?? [];
  return [quoted ?? plain, rest];
}

function unquoted(text: string): string {
  return text.trim().replace(/^"(.*)"$/, '$1');
}

function wrongUse(name: string): ChatCommand {
  return wrong(`Like this: ${SHAPES[name]}`);
}

function wrong(text: string): ChatCommand {
  return { does: 'wrong', text };
}
