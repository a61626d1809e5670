/** A form for each job; the same as a command and as code; what was answered, and what was tried before. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { NodeView, PeerView, TryReply } from '../../contract.ts';
import { equivalentsOf } from '../../equivalents.ts';
import { fetchNode, fetchPeers, tryIt } from '../api.ts';
import { Card } from '../components/card.tsx';
import { Snippet } from '../components/copy.tsx';
import { Loaded, Trouble } from '../components/empty.tsx';
import { Form } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { Tabs } from '../components/tabs.tsx';
import { useFetched } from '../fetched.ts';
import { tryLink } from '../first-tries.ts';
import { time } from '../format.ts';
import type { Outcome } from '../http.ts';
import { place } from '../location.ts';
import { useStore } from '../store.ts';
import {
  defaultUrl,
  fieldsOf,
  history,
  remember,
  requestOf,
  TRY_JOBS,
  type TryFields,
  type TryJob,
} from '../tries.ts';
import { ReplyView } from './reply-view.tsx';
import { TryForm } from './try-form.tsx';

export function TryIt(): JSX.Element {
  const node = useFetched(fetchNode, ['node']);
  const { query } = useStore(place);
  return (
    <Loaded of={node}>
      {/* A link to this form with other fields is another form. */}
      {(view) => <Bench key={query.toString()} node={view} query={query} />}
    </Loaded>
  );
}

function Bench({ node, query }: { readonly node: NodeView; readonly query: URLSearchParams }): JSX.Element {
  const [fields, setFields] = useState<TryFields>(() => fieldsOf(query, node));
  const { outcome, isBusy, run } = useTry();
  const peers = useFetched(fetchPeers, ['peers']);
  const set = (part: Partial<TryFields>): void => setFields({ ...fields, ...part });
  const choose = (job: TryJob): void => set({ job, url: defaultUrl(node, job) });
  const request = requestOf(fields);
  const { command, code } = equivalentsOf(request, node);
  return (
    <>
      <Tabs label="Job" tabs={TRY_JOBS} chosen={fields.job} onChoose={choose} controls="try-panel" />
      <div class="columns" id="try-panel" role="tabpanel" aria-label={`Try ${fields.job}`}>
        <Card title="Ask">
          <Form label="Try it" onSubmit={() => void run(request)}>
            <TryForm fields={fields} onChange={set} node={node} peers={namesOf(peers.value?.peers ?? [])} />
            <button type="submit" class="primary" disabled={isBusy}>
              <Icon name="send" />
              {isBusy ? 'Waiting for the answer…' : 'Send'}
            </button>
          </Form>
        </Card>
        <div>
          <Card title="Answer">
            <div aria-live="polite">
              <Answer outcome={outcome} />
            </div>
          </Card>
          <Card title="The same from a terminal">
            {command === null ? (
              <p class="hint">No command does this; a program does.</p>
            ) : (
              <Snippet text={command} what="Equivalent command" />
            )}
          </Card>
          <Card title="The same in code">
            <Snippet text={code} what="Equivalent code" />
          </Card>
          <History />
        </div>
      </div>
    </>
  );
}

function Answer({ outcome }: { readonly outcome: Outcome<TryReply> | null }): JSX.Element {
  if (outcome === null) return <p class="hint">It comes here, with how long it took.</p>;
  return outcome.ok ? <ReplyView reply={outcome.value} /> : <Trouble problem={outcome.problem} />;
}

interface Trying {
  readonly outcome: Outcome<TryReply> | null;
  readonly isBusy: boolean;
  readonly run: (request: ReturnType<typeof requestOf>) => Promise<void>;
}

function useTry(): Trying {
  const [outcome, setOutcome] = useState<Outcome<TryReply> | null>(null);
  const [isBusy, setBusy] = useState(false);
  const run: Trying['run'] = async (request) => {
    setBusy(true);
    const next = await tryIt(request);
    setBusy(false);
    setOutcome(next);
    if (next.ok) remember(request, next.value);
  };
  return { outcome, isBusy, run };
}

function namesOf(peers: readonly PeerView[]): readonly string[] {
  return peers.flatMap(({ id, name }) => (id === null ? [] : [name]));
}

function History(): JSX.Element | null {
  const all = useStore(history);
  if (all.length === 0) return null;
  return (
    <Card title="Tried before">
      <ul class="history">
        {all.map(({ id, at, request, reply }) => (
          <li key={id}>
            <a href={tryLink(request)}>
              <time>{time(at)}</time> {request.job} <code>{targetOf(request)}</code>
            </a>
            <span class={`badge ${reply.ok ? 'quiet' : 'bad'}`}>{reply.ok ? 'ok' : reply.status}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function targetOf(request: ReturnType<typeof requestOf>): string {
  if (request.job === 'pubsub') return request.topic;
  return request.job === 'lookup' ? request.query : request.route;
}
