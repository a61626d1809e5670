/** Neighbours on the LAN: who they are, whether that is certain, and what happened. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { KnownPeer, PeersView, PeerView } from '../../contract.ts';
import { actOnPeer, fetchPeers, type PeerAction } from '../api.ts';
import { Badge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { Empty, Loaded } from '../components/empty.tsx';
import { Icon } from '../components/icon.tsx';
import { Table } from '../components/table.tsx';
import { Words } from '../components/words.tsx';
import { type Action, useAction, useFetched } from '../fetched.ts';
import { age, shortFingerprint, time } from '../format.ts';
import { linkTo } from '../location.ts';
import { VerifyDialog } from './verify-dialog.tsx';

export function Peers(): JSX.Element {
  const peers = useFetched(fetchPeers, ['peers']);
  const action = useAction();
  return (
    <Loaded of={peers}>
      {(view) => (
        <>
          <Self view={view} />
          <Neighbours view={view} action={action} />
          <Known known={view.known} action={action} />
          <Events events={view.events} />
        </>
      )}
    </Loaded>
  );
}

function Self({ view: { self, isGroupSealed } }: { readonly view: PeersView }): JSX.Element {
  return (
    <section class="card who" aria-label="How this node is seen">
      <div>
        <p class="who-name">{self.name}</p>
        <Words words={self.words} label="The words of this node" />
      </div>
      <p class="hint">
        {isGroupSealed
          ? 'Broadcasts are sealed: who knows the secret of the group can read them.'
          : 'Messages to one peer are sealed. Broadcasts are plain: everybody on the LAN can read them.'}
      </p>
    </section>
  );
}

/** What a person can do about a key. */
const ACTIONS: Readonly<Record<PeerAction, { readonly title: string; readonly done: string }>> = {
  trust: { title: 'Trust', done: 'is trusted.' },
  untrust: { title: 'No longer trust', done: 'is no longer trusted.' },
  block: { title: 'Block', done: 'is blocked: nothing is heard of it, nothing sent to it.' },
  unblock: { title: 'Unblock', done: 'may be heard again.' },
  accept: { title: 'Take the new key', done: 'is taken with its new key.' },
  forget: { title: 'Forget', done: 'is forgotten, as if never met.' },
};

interface ActProps {
  readonly id: string;
  readonly name: string;
  readonly kind: PeerAction;
  readonly action: Action;
}

function Act({ id, name, kind, action }: ActProps): JSX.Element {
  const { title, done } = ACTIONS[kind];
  return (
    <button
      type="button"
      disabled={action.isBusy}
      aria-label={`${title}: ${name}`}
      onClick={() => void action.run(() => actOnPeer(id, kind), `${name} ${done}`)}
    >
      {title}
    </button>
  );
}

function Neighbours({ view, action }: { readonly view: PeersView; readonly action: Action }): JSX.Element {
  if (view.peers.length === 0) {
    return (
      <Card title="Neighbours">
        <Empty icon="peers" title="Nobody is there yet.">
          <p>
            Start another node on this LAN with <code>sotto inbox</code>. Where it does not show up,{' '}
            <code>sotto doctor peers</code> says why.
          </p>
        </Empty>
      </Card>
    );
  }
  return (
    <Card title="Neighbours">
      <ul class="peers">
        {view.peers.map((peer) => (
          <Neighbour key={peer.id ?? peer.name} peer={peer} self={view.self} action={action} />
        ))}
      </ul>
    </Card>
  );
}

interface NeighbourProps {
  readonly peer: PeerView;
  readonly self: PeersView['self'];
  readonly action: Action;
}

function Neighbour({ peer, self, action }: NeighbourProps): JSX.Element {
  const [isVerifying, setVerifying] = useState(false);
  const { id, name, words, addresses, lastHeard, replaces, isTrusted } = peer;
  return (
    <li class={replaces === null ? undefined : 'doubtful'}>
      <div class="peer-head">
        <h3>{name}</h3>
        <Mark peer={peer} />
        <span class="hint">heard {age(Date.now() - lastHeard)} ago</span>
      </div>
      {replaces !== null && (
        <p class="why">
          Another key was known under this name ({shortFingerprint(replaces)}). Ask its owner by another way:
          a new machine, or somebody who pretends?
        </p>
      )}
      {id !== null && <Words words={words} label={`The words of ${name}`} />}
      <p class="hint">{addresses.join(', ')}</p>
      {id !== null && (
        <div class="row">
          <a class="button" href={linkTo('chat', { peer: id })} aria-label={`Chat with ${name}`}>
            <Icon name="chat" />
            Chat
          </a>
          {!isTrusted && (
            <button
              type="button"
              aria-label={`Compare words with ${name}`}
              onClick={() => setVerifying(true)}
            >
              <Icon name="check" />
              Compare words
            </button>
          )}
          {isTrusted && <Act id={id} name={name} kind="untrust" action={action} />}
          {replaces !== null && <Act id={id} name={name} kind="accept" action={action} />}
          <Act id={id} name={name} kind="block" action={action} />
        </div>
      )}
      {isVerifying && id !== null && (
        <VerifyDialog
          peer={peer}
          self={self}
          onClose={() => setVerifying(false)}
          onSame={() => void action.run(() => actOnPeer(id, 'trust'), `${name} ${ACTIONS.trust.done}`)}
        />
      )}
    </li>
  );
}

function Mark({ peer: { id, isTrusted, isVerified } }: { readonly peer: PeerView }): JSX.Element {
  if (id === null) return <Badge tone="warn">plain: proves nothing</Badge>;
  if (isTrusted) return <Badge tone="good">trusted</Badge>;
  return isVerified ? <Badge tone="accent">key proved</Badge> : <Badge tone="quiet">only claimed</Badge>;
}

function Known({
  known,
  action,
}: {
  readonly known: readonly KnownPeer[];
  readonly action: Action;
}): JSX.Element | null {
  if (known.length === 0) return null;
  return (
    <Card title="Met before">
      <Table<KnownPeer>
        caption="Keys that were met before and are not there now"
        rows={known}
        keyOf={({ id }) => id}
        empty={null}
        columns={[
          { title: 'Name', cell: ({ name }) => name },
          { title: 'Key', isExtra: true, cell: ({ id }) => <code>{shortFingerprint(id)}</code> },
          { title: 'Mark', cell: (peer) => <KnownMark peer={peer} /> },
          {
            title: 'Actions',
            isUntitled: true,
            cell: ({ id, name, isBlocked }) => (
              <div class="row end">
                <Act id={id} name={name} kind={isBlocked ? 'unblock' : 'block'} action={action} />
                <Act id={id} name={name} kind="forget" action={action} />
              </div>
            ),
          },
        ]}
      />
    </Card>
  );
}

function KnownMark({ peer: { isBlocked, isTrusted } }: { readonly peer: KnownPeer }): JSX.Element {
  if (isBlocked) return <Badge tone="bad">blocked</Badge>;
  return isTrusted ? <Badge tone="good">trusted</Badge> : <Badge tone="quiet">away</Badge>;
}

function Events({ events }: { readonly events: PeersView['events'] }): JSX.Element {
  return (
    <Card title="What happened">
      {events.length === 0 ? (
        <p class="hint">Nothing yet.</p>
      ) : (
        <ol class="log">
          {events.toReversed().map(({ at, isWarning, text }, index) => (
            <li key={`${at} ${events.length - index}`} class={isWarning ? 'warn' : undefined}>
              <time>{time(at)}</time>
              <span>{text}</span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}
