/** What strangers meet, how often they met it, and what went wrong. */

import type { JSX } from 'preact';
import type { LimitsView } from '../../contract.ts';
import { fetchLimits } from '../api.ts';
import { Card } from '../components/card.tsx';
import { spaced } from '../components/counters.tsx';
import { Empty, Loaded } from '../components/empty.tsx';
import { Table } from '../components/table.tsx';
import { useFetched } from '../fetched.ts';
import { bytes, count, time } from '../format.ts';

export function Limits(): JSX.Element {
  const limits = useFetched(fetchLimits, ['limits']);
  return (
    <Loaded of={limits}>
      {(view) => (
        <>
          <Errors log={view.log} />
          <Dropped counters={view.counters} />
          <LimitTable limits={view.limits} />
        </>
      )}
    </Loaded>
  );
}

function Errors({ log }: Pick<LimitsView, 'log'>): JSX.Element {
  return (
    <Card title="Warnings and errors">
      {log.length === 0 ? (
        <Empty icon="check" title="Nothing has gone wrong since the start." />
      ) : (
        <ol class="log">
          {log.toReversed().map(({ at, level, text }, index) => (
            <li key={`${at} ${log.length - index}`} class={level}>
              <time>{time(at)}</time>
              <span class="unseen">{level}: </span>
              <span>{text}</span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

function Dropped({ counters }: Pick<LimitsView, 'counters'>): JSX.Element {
  const met = counters.filter((counter) => counter.count > 0).sort((one, other) => other.count - one.count);
  return (
    <Card title="Dropped or refused">
      <Table<LimitsView['counters'][number]>
        caption="Dropped or refused since the start"
        rows={met}
        keyOf={({ part, name }) => `${part} ${name}`}
        empty={<Empty icon="check" title="Nothing has been dropped or refused since the start." />}
        columns={[
          { title: 'Part', cell: ({ part }) => part },
          { title: 'Why', cell: ({ name }) => spaced(name) },
          { title: 'How often', isNumber: true, cell: (counter) => count(counter.count) },
        ]}
      />
    </Card>
  );
}

function LimitTable({ limits }: Pick<LimitsView, 'limits'>): JSX.Element {
  return (
    <Card title="Limits" actions={<a href="#/settings">Change them in the settings</a>}>
      <Table<LimitsView['limits'][number]>
        caption="Limits"
        rows={limits}
        keyOf={({ part, name }) => `${part} ${name}`}
        empty={<Empty icon="limits" title="No part that has limits is up." />}
        columns={[
          { title: 'Part', cell: ({ part }) => part },
          { title: 'Limit', cell: ({ name }) => <code>{name}</code> },
          { title: 'Value', isNumber: true, cell: ({ value, unit }) => shown(value, unit) },
          { title: 'Means', isExtra: true, cell: ({ meaning }) => meaning },
        ]}
      />
    </Card>
  );
}

function shown(value: number, unit: string): string {
  if (unit === 'bytes') return bytes(value);
  return unit === '' ? count(value) : `${count(value)} ${unit}`;
}
