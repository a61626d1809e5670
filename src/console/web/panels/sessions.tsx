/** Who stays connected; what can be pushed to them. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { SessionView } from '../../contract.ts';
import { closeSession, fetchSessions, pushToSession } from '../api.ts';
import { Badge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { Counters } from '../components/counters.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Empty, Loaded, Trouble } from '../components/empty.tsx';
import { AreaField, Form, TextField } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { Table } from '../components/table.tsx';
import { type Action, useAction, useFetched } from '../fetched.ts';
import { age, shortKey } from '../format.ts';
import { linkTo } from '../location.ts';

export function Sessions(): JSX.Element {
  const sessions = useFetched(fetchSessions, ['sessions']);
  const action = useAction();
  const [target, setTarget] = useState<SessionView | null>(null);
  return (
    <Loaded of={sessions}>
      {({ sessions: all, counters }) => (
        <>
          <Card title="Open sessions">
            <SessionTable sessions={all} action={action} onPush={setTarget} />
          </Card>
          <Counters counters={counters} />
          {target && <PushDialog session={target} onClose={() => setTarget(null)} />}
        </>
      )}
    </Loaded>
  );
}

interface SessionTableProps {
  readonly sessions: readonly SessionView[];
  readonly action: Action;
  readonly onPush: (session: SessionView) => void;
}

function SessionTable({ sessions, action, onPush }: SessionTableProps): JSX.Element {
  return (
    <Table<SessionView>
      caption="Open sessions"
      rows={sessions}
      keyOf={({ id }) => id}
      empty={
        <Empty icon="sessions" title="Nobody has a session open.">
          <p>
            <a href={linkTo('try', { job: 'session' })}>Ask by one</a>: it is here as long as it is open.
          </p>
        </Empty>
      }
      columns={[
        {
          title: 'Who',
          cell: ({ key }) => (key === null ? 'nobody proven' : <code title={key}>{shortKey(key)}</code>),
        },
        { title: 'From', cell: ({ remote }) => <code>{remote}</code> },
        { title: 'Over', isExtra: true, cell: ({ transport }) => transport },
        {
          title: 'State',
          cell: ({ isConnected }) => (
            <Badge tone={isConnected ? 'good' : 'warn'}>{isConnected ? 'connected' : 'away'}</Badge>
          ),
        },
        { title: 'For', isNumber: true, cell: ({ since }) => age(Date.now() - since) },
        { title: 'Rooms', isExtra: true, cell: ({ rooms }) => (rooms.length === 0 ? '—' : rooms.join(', ')) },
        {
          title: 'Actions',
          isUntitled: true,
          cell: (session) => (
            <div class="row end">
              <button type="button" onClick={() => onPush(session)}>
                Push
              </button>
              <button
                type="button"
                disabled={action.isBusy}
                onClick={() => void action.run(() => closeSession(session.id), 'The session is closed.')}
              >
                Close
              </button>
            </div>
          ),
        },
      ]}
    />
  );
}

function PushDialog({
  session,
  onClose,
}: {
  readonly session: SessionView;
  readonly onClose: () => void;
}): JSX.Element {
  const [route, setRoute] = useState('/note');
  const [body, setBody] = useState('');
  const { isBusy, problem, run } = useAction('spot');
  const push = async (): Promise<void> => {
    if (await run(() => pushToSession(session.id, route, body), 'Pushed.')) onClose();
  };
  return (
    <Dialog
      title={`Push to ${session.key === null ? session.remote : shortKey(session.key)}`}
      onClose={onClose}
    >
      <Form label="Push" onSubmit={() => void push()}>
        <TextField label="Route" isRequired isCode value={route} onChange={setRoute} />
        <AreaField
          label="Body"
          hint="JSON where it is JSON, else text; empty for none."
          value={body}
          onChange={setBody}
        />
        {problem && <Trouble problem={problem} />}
        <button type="submit" class="primary" disabled={isBusy}>
          <Icon name="send" />
          Push
        </button>
      </Form>
    </Dialog>
  );
}
