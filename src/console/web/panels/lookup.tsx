/** Answers from files: which there are, how fresh, and a query that completes and stays live. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { LookupFile, LookupView, TryReply } from '../../contract.ts';
import { fetchLookup, lookUp } from '../api.ts';
import { Badge, type Tone } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { Counters, Figure } from '../components/counters.tsx';
import { Empty, Loaded, Trouble } from '../components/empty.tsx';
import { Form, SelectField } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { Table } from '../components/table.tsx';
import { on } from '../events.ts';
import { useFetched } from '../fetched.ts';
import { age, bytes, count } from '../format.ts';
import type { Outcome } from '../http.ts';
import { KeyInput } from './key-input.tsx';
import { ReplyView } from './reply-view.tsx';

export function Lookup(): JSX.Element {
  const lookup = useFetched(fetchLookup, ['lookup']);
  return (
    <Loaded of={lookup}>
      {(view) => (
        <>
          <div class="figures">
            <Figure name="Files" value={count(view.files.length)} />
            <Figure name="Rows" value={count(view.files.reduce((sum, { rows }) => sum + rows, 0))} />
            <Figure name="Rows that are watched" value={count(view.watches)} />
          </div>
          {view.files.length > 0 && <Query files={view.files} />}
          <Files view={view} />
          <Counters counters={view.counters} />
        </>
      )}
    </Loaded>
  );
}

function Query({ files }: { readonly files: readonly LookupFile[] }): JSX.Element {
  const [file, setFile] = useState(files[0]?.name ?? '');
  const [text, setText] = useState('');
  const { outcome, isBusy, run } = useQuery();
  return (
    <Card title="Look up">
      <Form label="Look up" onSubmit={() => void run(text)}>
        <div class="inline" data-filter>
          {files.length > 1 && (
            <SelectField
              label="Keys of"
              value={file}
              onChange={setFile}
              options={files.map(({ name }) => [name, name] as const)}
            />
          )}
          <KeyInput file={file} value={text} onChange={setText} onChosen={(key) => void run(key)} />
          <button type="submit" class="primary" disabled={isBusy}>
            <Icon name="lookup" />
            Look up
          </button>
        </div>
      </Form>
      <div class="answer" aria-live="polite">
        {outcome &&
          (outcome.ok ? <ReplyView reply={outcome.value} /> : <Trouble problem={outcome.problem} />)}
      </div>
      {outcome && <p class="hint">Asked anew whenever a file changes.</p>}
    </Card>
  );
}

interface Querying {
  readonly outcome: Outcome<TryReply> | null;
  readonly isBusy: boolean;
  readonly run: (text: string) => Promise<void>;
}

/** What was asked last is asked again when a file has changed. */
function useQuery(): Querying {
  const [asked, setAsked] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Outcome<TryReply> | null>(null);
  const [isBusy, setBusy] = useState(false);
  const run = async (text: string): Promise<void> => {
    setAsked(text);
    setBusy(true);
    setOutcome(await lookUp(text));
    setBusy(false);
  };
  useEffect(() => {
    return on('changed', ({ what }) => {
      if (asked !== null && what.includes('lookup')) void lookUp(asked).then(setOutcome);
    });
  }, [asked]);
  return { outcome, isBusy, run };
}

const STATE_TONES: Readonly<Record<string, Tone>> = {
  current: 'good',
  changing: 'accent',
  broken: 'warn',
  missing: 'bad',
};

function Files({ view: { files } }: { readonly view: LookupView }): JSX.Element {
  return (
    <Card title="Files">
      <Table<LookupFile>
        caption="Files that are answered from"
        rows={files}
        keyOf={({ name }) => name}
        empty={
          <Empty icon="lookup" title="No file is answered from.">
            <p>
              Name one in the <a href="#/settings">settings</a>, or try{' '}
              <code>sotto lookup serve stock.csv:name</code>.
            </p>
          </Empty>
        }
        columns={[
          {
            title: 'File',
            cell: ({ name, path, problem }) => (
              <>
                <strong title={path}>{name}</strong>
                {problem !== '' && <p class="why">{problem}</p>}
              </>
            ),
          },
          {
            title: 'State',
            cell: ({ state }) => <Badge tone={STATE_TONES[state] ?? 'quiet'}>{state}</Badge>,
          },
          { title: 'Rows', isNumber: true, cell: ({ rows }) => count(rows) },
          { title: 'Size', isNumber: true, isExtra: true, cell: (file) => bytes(file.bytes) },
          {
            title: 'Changed',
            isExtra: true,
            cell: ({ changedAt }) => (changedAt === null ? '—' : `${age(Date.now() - changedAt)} ago`),
          },
        ]}
      />
    </Card>
  );
}
