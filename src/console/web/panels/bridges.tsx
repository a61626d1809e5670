/** What is carried from one job to another. */

import type { JSX } from 'preact';
import type { BridgesView } from '../../contract.ts';
import { fetchBridges } from '../api.ts';
import { Card } from '../components/card.tsx';
import { Empty, Loaded } from '../components/empty.tsx';
import { Table } from '../components/table.tsx';
import { useFetched } from '../fetched.ts';
import { count } from '../format.ts';
import { linkTo } from '../location.ts';

export function Bridges(): JSX.Element {
  const bridges = useFetched(fetchBridges, ['bridges']);
  return (
    <Card title="Carried from one job to another">
      <Loaded of={bridges}>{(view) => <BridgeTable {...view} />}</Loaded>
    </Card>
  );
}

function BridgeTable({ bridges }: BridgesView): JSX.Element {
  return (
    <Table<BridgesView['bridges'][number]>
      caption="Bridges"
      rows={bridges}
      keyOf={({ name }) => name}
      empty={
        <Empty icon="bridges" title="Nothing is bridged.">
          <p>
            A bridge tells one job what another hears, a topic to neighbours for example. Name one in the{' '}
            <a href={linkTo('settings')}>settings</a>.
          </p>
        </Empty>
      }
      columns={[
        {
          title: 'Bridge',
          cell: ({ name, lastProblem }) => (
            <>
              <strong>{name}</strong>
              {lastProblem !== '' && <p class="why">{lastProblem}</p>}
            </>
          ),
        },
        { title: 'From', cell: ({ from }) => <code>{from}</code> },
        { title: 'To', cell: ({ to }) => <code>{to}</code> },
        { title: 'Carried', isNumber: true, cell: ({ carried }) => count(carried) },
        { title: 'Failed', isNumber: true, cell: ({ failed }) => count(failed) },
        { title: 'Came round again', isNumber: true, isExtra: true, cell: ({ loops }) => count(loops) },
      ]}
    />
  );
}
