/** What became of each delivery, and of what was missed. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { DeliveryView } from '../../contract.ts';
import { fetchDeliveries } from '../api.ts';
import { Badge, type Tone } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { Empty, Loaded } from '../components/empty.tsx';
import { SelectField, TextField } from '../components/field.tsx';
import { Table } from '../components/table.tsx';
import { useAction, useFetched } from '../fetched.ts';
import { bytes, count, milliseconds, time } from '../format.ts';

/** Statuses, what they are called, and how bad they are. */
const STATUSES: readonly (readonly [status: string, title: string, tone: Tone])[] = [
  ['received', 'received', 'good'],
  ['failed', 'failed', 'bad'],
  ['unsubscribed', 'unsubscribed', 'quiet'],
  ['missed-announced', 'missed, announced', 'warn'],
  ['missed-unanswered', 'missed, announcement unanswered', 'warn'],
  ['missed-given-up', 'missed, given up', 'bad'],
];

export function Deliveries(): JSX.Element {
  const [status, setStatus] = useState('');
  const [topic, setTopic] = useState('');
  const page = useFetched(() => fetchDeliveries({ status, topic }), ['deliveries'], status, topic);
  return (
    <Card title="Deliveries">
      <search class="filters" data-filter>
        <TextField label="Topic" placeholder="a whole topic   /" isCode value={topic} onChange={setTopic} />
        <SelectField
          label="Ended"
          value={status}
          onChange={setStatus}
          options={[['', 'in any way'], ...STATUSES.map(([name, title]) => [name, title] as const)]}
        />
      </search>
      <Loaded of={page}>
        {({ deliveries, next }) => (
          <Pages key={`${status} ${topic}`} first={deliveries} next={next} filter={{ status, topic }} />
        )}
      </Loaded>
    </Card>
  );
}

interface PagesProps {
  readonly first: readonly DeliveryView[];
  readonly next: number | null;
  readonly filter: { readonly status: string; readonly topic: string };
}

/** The first page is fresh; older ones are fetched on demand and then stay as they are. */
function Pages({ first, next, filter }: PagesProps): JSX.Element {
  const [older, setOlder] = useState<readonly DeliveryView[]>([]);
  const [before, setBefore] = useState(next);
  const { isBusy, run } = useAction();
  const isPaged = older.length > 0;
  useEffect(() => {
    if (!isPaged) setBefore(next);
  }, [next, isPaged]);
  const fetchOlder = async (): Promise<void> => {
    await run(async () => {
      const outcome = await fetchDeliveries({ ...filter, ...(before === null ? {} : { before }) });
      if (outcome.ok) {
        setOlder([...older, ...outcome.value.deliveries]);
        setBefore(outcome.value.next);
      }
      return outcome;
    });
  };
  const seen = new Set(first.map(({ id }) => id));
  return (
    <>
      <DeliveryTable rows={[...first, ...older.filter(({ id }) => !seen.has(id))]} />
      {before !== null && (
        <button type="button" class="more" disabled={isBusy} onClick={() => void fetchOlder()}>
          Show older ones
        </button>
      )}
    </>
  );
}

function DeliveryTable({ rows }: { readonly rows: readonly DeliveryView[] }): JSX.Element {
  return (
    <Table<DeliveryView>
      caption="Deliveries, the newest first"
      rows={rows}
      keyOf={({ id }) => id}
      empty={
        <Empty icon="topics" title="No such deliveries.">
          <p>Each message to each subscriber shows up here when it ends, whatever became of it.</p>
        </Empty>
      }
      columns={[
        { title: 'Ended', cell: ({ at }) => <time>{time(at)}</time> },
        { title: 'How', cell: ({ status }) => <Status name={status} /> },
        { title: 'Topic', cell: ({ topic }) => <code>{topic}</code> },
        { title: 'To', isExtra: true, cell: ({ url }) => <code class="long">{url}</code> },
        { title: 'Why', cell: ({ why }) => why },
        { title: 'Tries', isNumber: true, cell: ({ tries }) => count(tries) },
        { title: 'Size', isNumber: true, isExtra: true, cell: (row) => bytes(row.bytes) },
        { title: 'Took', isNumber: true, isExtra: true, cell: ({ duration }) => milliseconds(duration) },
      ]}
    />
  );
}

function Status({ name }: { readonly name: string }): JSX.Element {
  const [, title, tone] = STATUSES.find(([status]) => status === name) ?? [name, name, 'quiet'];
  return <Badge tone={tone}>{title}</Badge>;
}
