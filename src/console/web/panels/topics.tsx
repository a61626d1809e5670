/** Events: what is heard now, who has subscribed, and what became of each delivery. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { SubscriptionView, TopicMessage, TopicsView } from '../../contract.ts';
import { fetchNode, fetchTopics, tryIt, unwatchTopics, watchTopics } from '../api.ts';
import { Badge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { Counters, Figure } from '../components/counters.tsx';
import { Empty, Loaded } from '../components/empty.tsx';
import { AreaField, Form, TextField } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { Table } from '../components/table.tsx';
import { on } from '../events.ts';
import { useAction, useFetched } from '../fetched.ts';
import { bytes, count, readable, time } from '../format.ts';
import { Deliveries } from './deliveries.tsx';

const HEARD_KEPT = 100;

export function Topics(): JSX.Element {
  const topics = useFetched(fetchTopics, ['topics']);
  return (
    <Loaded of={topics}>
      {(view) => (
        <>
          <div class="figures">
            <Figure name="Subscriptions" value={count(view.total)} />
            <Figure name="WebSockets, this node’s among them" value={count(view.webSockets)} />
            <Figure
              name="Missed, to be announced"
              value={count(view.missedWaiting)}
              isWarning={view.missedWaiting > 0}
            />
          </div>
          <div class="columns">
            <Listen watched={view.watched} onChanged={topics.reload} />
            <Publish />
          </div>
          <Subscriptions view={view} />
          <Deliveries />
          <Counters counters={view.counters} />
        </>
      )}
    </Loaded>
  );
}

function Listen({
  watched,
  onChanged,
}: {
  readonly watched: readonly string[];
  readonly onChanged: () => void;
}): JSX.Element {
  const [glob, setGlob] = useState('');
  const { isBusy, run } = useAction();
  const heard = useHeard();
  const watch = async (): Promise<void> => {
    if (await run(() => watchTopics(glob))) setGlob('');
    onChanged();
  };
  const unwatch = async (old: string): Promise<void> => {
    await run(() => unwatchTopics(old));
    onChanged();
  };
  return (
    <Card title="Listen">
      <Form label="Listen to topics" onSubmit={() => void watch()}>
        <div class="inline">
          <TextField
            label="Topics"
            placeholder="orders/*"
            isRequired
            isCode
            value={glob}
            onChange={setGlob}
          />
          <button type="submit" disabled={isBusy}>
            <Icon name="plus" />
            Listen
          </button>
        </div>
      </Form>
      {watched.length > 0 && (
        <ul class="chips" aria-label="Listened to">
          {watched.map((one) => (
            <li key={one}>
              <code>{one}</code>
              <button
                type="button"
                class="ghost small"
                aria-label={`Stop listening to ${one}`}
                onClick={() => void unwatch(one)}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <Heard messages={heard} isListening={watched.length > 0} />
    </Card>
  );
}

interface Numbered extends TopicMessage {
  readonly id: number;
  /** Left out before this one, since too many came at once. */
  readonly skipped: number;
}

/** Newest first. */
function useHeard(): readonly Numbered[] {
  const [heard, setHeard] = useState<readonly Numbered[]>([]);
  useEffect(() => {
    return on('topic', ({ message, skipped }) => {
      setHeard((all) => [{ ...message, skipped, id: (all[0]?.id ?? 0) + 1 }, ...all].slice(0, HEARD_KEPT));
    });
  }, []);
  return heard;
}

function Heard({
  messages,
  isListening,
}: {
  readonly messages: readonly Numbered[];
  readonly isListening: boolean;
}): JSX.Element {
  if (messages.length === 0) {
    return (
      <Empty icon="topics" title={isListening ? 'Nothing has been said yet.' : 'You listen to nothing.'}>
        <p>
          {isListening
            ? 'Publish something beside this.'
            : 'Name topics above; * stands for anything, slashes too.'}
        </p>
      </Empty>
    );
  }
  return (
    <ul class="messages" aria-label="Heard">
      {messages.map(({ id, at, topic, body, bytes: size, skipped }) => (
        <li key={id}>
          <p>
            <time>{time(at)}</time>
            <code>{topic}</code>
            <small>{bytes(size)}</small>
            {skipped > 0 && <small>{count(skipped)} before it came too fast to be shown</small>}
          </p>
          <pre>{readable(body)}</pre>
        </li>
      ))}
    </ul>
  );
}

function Publish(): JSX.Element {
  const [topic, setTopic] = useState('orders/new');
  const [body, setBody] = useState('');
  const { isBusy, run } = useAction();
  const publish = async (): Promise<void> => {
    await run(async () => {
      const outcome = await tryIt({ as: 'node', job: 'pubsub', topic, body });
      if (!outcome.ok || outcome.value.ok) return outcome;
      return { ok: false, problem: { code: 'status', text: outcome.value.value } };
    }, 'Published.');
  };
  return (
    <Card title="Publish">
      <Form label="Publish" onSubmit={() => void publish()}>
        <TextField label="Topic" isRequired isCode value={topic} onChange={setTopic} />
        <AreaField label="Message" hint="JSON where it is JSON, else text." value={body} onChange={setBody} />
        <button type="submit" class="primary" disabled={isBusy}>
          <Icon name="send" />
          Publish
        </button>
      </Form>
    </Card>
  );
}

function HowToSubscribe(): JSX.Element {
  const { value: node } = useFetched(fetchNode, ['node']);
  const url = node?.parts.find(({ name }) => name === 'broadcaster')?.addresses[0] ?? 'URL';
  return (
    <p>
      A program does with <code>sotto sub {url} --glob 'orders/*'</code>.
    </p>
  );
}

function Subscriptions({ view: { subscriptions, total } }: { readonly view: TopicsView }): JSX.Element {
  return (
    <Card title="Subscriptions">
      <Table<SubscriptionView>
        caption="Subscriptions"
        rows={subscriptions}
        keyOf={({ url, kind, pattern }) => `${url} ${kind} ${pattern}`}
        empty={
          <Empty icon="topics" title="Nobody has subscribed.">
            <HowToSubscribe />
          </Empty>
        }
        columns={[
          { title: 'Topics', cell: ({ pattern }) => <code>{pattern}</code> },
          { title: 'Kind', cell: ({ kind }) => <Badge tone="quiet">{kind}</Badge> },
          {
            title: 'Delivered to',
            cell: ({ url }) => (url === null ? 'a WebSocket' : <code class="long">{url}</code>),
          },
          { title: 'Missed ones are announced to', isExtra: true, cell: ({ recovery }) => recovery ?? '—' },
        ]}
      />
      {total > subscriptions.length && (
        <p class="hint">{count(total - subscriptions.length)} more are not shown.</p>
      )}
    </Card>
  );
}
