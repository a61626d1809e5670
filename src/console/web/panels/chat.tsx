/** Rooms for everybody on the LAN, and messages to one alone. */

import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ChatLine, ChatView, PeerView } from '../../contract.ts';
import { type ChatTarget, fetchChat, fetchPeers, joinRoom, say } from '../api.ts';
import { MarkBadge, Seal } from '../components/badge.tsx';
import { Empty, Loaded } from '../components/empty.tsx';
import { Form, TextField } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { on } from '../events.ts';
import { useAction, useFetched } from '../fetched.ts';
import { shortFingerprint, time } from '../format.ts';
import { linkTo, place } from '../location.ts';
import { useStore } from '../store.ts';

export function Chat(): JSX.Element {
  const chat = useFetched(fetchChat, ['chat']);
  const peers = useFetched(fetchPeers, ['peers']);
  return (
    <Loaded of={chat}>
      {(view) => (
        <Conversation view={view} peers={(peers.value?.peers ?? []).filter(({ id }) => id !== null)} />
      )}
    </Loaded>
  );
}

function Conversation({
  view,
  peers,
}: {
  readonly view: ChatView;
  readonly peers: readonly PeerView[];
}): JSX.Element {
  const lines = useLines(view.lines);
  const target = targetOf(useStore(place).query, view.rooms);
  const here = lines.filter((line) => isOf(line, target));
  const titles = titlesOf(lines, peers);
  const title = 'room' in target ? target.room : (titles.get(target.peer) ?? shortFingerprint(target.peer));
  return (
    <div class="chat">
      <aside aria-label="Rooms and people">
        <h2>Rooms</h2>
        <Places
          places={view.rooms.map((room) => ({
            title: room,
            href: linkTo('chat', { room }),
            isHere: 'room' in target && target.room === room,
          }))}
        />
        <NewRoom />
        <h2>Direct messages</h2>
        {titles.size === 0 ? (
          <p class="hint">Nobody is there yet.</p>
        ) : (
          <Places
            places={[...titles].map(([peer, name]) => ({
              title: name,
              href: linkTo('chat', { peer }),
              isHere: 'peer' in target && target.peer === peer,
            }))}
          />
        )}
      </aside>
      <section class="chat-room" aria-label={title}>
        <header class="row">
          <h2>{title}</h2>
          <span class="hint">
            {'room' in target ? 'everybody on the LAN who is in this room' : 'sealed, for nobody else'}
          </span>
        </header>
        <Lines lines={here} />
        <Say key={title} target={target} title={title} />
      </section>
    </div>
  );
}

/** Those that were fetched, and those that have come since. */
function useLines(fetched: readonly ChatLine[]): readonly ChatLine[] {
  const [fresh, setFresh] = useState<readonly ChatLine[]>([]);
  useEffect(() => on('chat', ({ line }) => setFresh((all) => [...all, line])), []);
  const byId = new Map([...fetched, ...fresh].map((line) => [line.id, line]));
  return [...byId.values()].sort((one, other) => one.id - other.id);
}

function targetOf(query: URLSearchParams, rooms: readonly string[]): ChatTarget {
  const peer = query.get('peer');
  if (peer !== null) return { peer };
  return { room: query.get('room') ?? rooms[0] ?? 'lobby' };
}

function isOf(line: ChatLine, target: ChatTarget): boolean {
  return 'room' in target ? line.room === target.room : line.peer === target.peer;
}

/** Who is there, or has written; by id. */
function titlesOf(lines: readonly ChatLine[], peers: readonly PeerView[]): ReadonlyMap<string, string> {
  const titles = new Map<string, string>();
  for (const { peer, from, isOwn } of lines) {
    if (peer === null) continue;
    if (!isOwn) titles.set(peer, from);
    else if (!titles.has(peer)) titles.set(peer, shortFingerprint(peer));
  }
  for (const { id, name } of peers) if (id !== null) titles.set(id, name);
  return titles;
}

interface ChatPlace {
  readonly title: string;
  readonly href: string;
  readonly isHere: boolean;
}

function Places({ places }: { readonly places: readonly ChatPlace[] }): JSX.Element {
  return (
    <ul class="places">
      {places.map(({ title, href, isHere }) => (
        <li key={href}>
          <a href={href} aria-current={isHere ? 'true' : undefined}>
            {title}
          </a>
        </li>
      ))}
    </ul>
  );
}

function NewRoom(): JSX.Element {
  const [name, setName] = useState('');
  const { isBusy, run } = useAction();
  const join = async (): Promise<void> => {
    if (!(await run(() => joinRoom(name)))) return;
    setName('');
    location.hash = linkTo('chat', { room: name });
  };
  return (
    <Form label="Go to a room" onSubmit={() => void join()}>
      <div class="inline">
        <TextField label="Another room" placeholder="music" isRequired value={name} onChange={setName} />
        <button type="submit" disabled={isBusy} aria-label="Go to the room">
          <Icon name="plus" />
        </button>
      </div>
    </Form>
  );
}

function Lines({ lines }: { readonly lines: readonly ChatLine[] }): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const last = lines.at(-1)?.id;
  useLayoutEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [last]);
  if (lines.length === 0) {
    return (
      <Empty icon="chat" title="Nothing has been said here.">
        <p>
          Say something; whoever runs a node on this LAN can answer, from a page or by <code>sotto chat</code>
          .
        </p>
      </Empty>
    );
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what was said is scrolled by keys
    <div class="lines" role="log" aria-label="What was said" tabIndex={0} ref={list}>
      {lines.map(({ id, at, from, isOwn, seal, mark, text }) => (
        <div key={id} class={isOwn ? 'line own' : 'line'}>
          <p class="line-head">
            <strong>{isOwn ? 'you' : from}</strong>
            <time>{time(at)}</time>
            <Seal kind={seal} />
            {mark !== null && <MarkBadge mark={mark} />}
          </p>
          <p class="line-text">{text}</p>
        </div>
      ))}
    </div>
  );
}

function Say({ target, title }: { readonly target: ChatTarget; readonly title: string }): JSX.Element {
  const [text, setText] = useState('');
  const { isBusy, run } = useAction();
  const send = async (): Promise<void> => {
    if (await run(() => say(target, text))) setText('');
  };
  return (
    <Form label="Say something" onSubmit={() => void send()}>
      <div class="inline say">
        <TextField label={`To ${title}`} isRequired value={text} onChange={setText} />
        <button type="submit" class="primary" disabled={isBusy}>
          <Icon name="send" />
          Say
        </button>
      </div>
    </Form>
  );
}
