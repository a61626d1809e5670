/** Every message as it comes: filtered, paused, opened. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { TrafficRecord } from '../../contract.ts';
import { fetchTraffic } from '../api.ts';
import { Card } from '../components/card.tsx';
import { Empty } from '../components/empty.tsx';
import { SelectField, TextField } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { type FeedFilter, filterOf, matches } from '../feed-filter.ts';
import { useAction } from '../fetched.ts';
import { count, plural } from '../format.ts';
import { changeView, linkTo, place } from '../location.ts';
import { JOBS } from '../samples.ts';
import { useStore } from '../store.ts';
import { addOlder, records, skipped } from '../traffic.ts';
import { useAcquaintances } from '../who.ts';
import { FeedRow } from './feed-row.tsx';

/** Rows that are drawn at first; more on demand. */
const STEP = 100;

export function Feed(): JSX.Element {
  const filter = filterOf(useStore(place).query);
  const { shown: all, waiting, isPaused, toggle } = usePausable(useStore(records));
  const [most, setMost] = useState(STEP);
  const [open, setOpen] = useState<number | null>(null);
  const found = all.filter((record) => matches(record, filter));
  const rows = found.slice(0, most);
  const acquaintances = useAcquaintances();
  return (
    <>
      <Filters filter={filter} />
      <Card
        title={plural(found.length, 'message')}
        actions={<PauseButton isPaused={isPaused} waiting={waiting} onToggle={toggle} />}
      >
        {rows.length === 0 ? (
          <Nothing isFiltered={all.length > 0} />
        ) : (
          <div>
            <div class="feed-head" aria-hidden="true">
              {['Time', 'Job', 'Route', 'Who', 'Seal', 'Answer', 'Took'].map((title) => (
                <span key={title}>{title}</span>
              ))}
            </div>
            <ul class="feed" onKeyDown={moveFocus}>
              {rows.map((record) => (
                <FeedRow
                  key={record.id}
                  record={record}
                  who={acquaintances.get(record.sender?.fingerprint ?? '') ?? null}
                  isOpen={record.id === open}
                  onToggle={() => setOpen(record.id === open ? null : record.id)}
                />
              ))}
            </ul>
            <More
              hidden={found.length - rows.length}
              oldest={all.at(-1)}
              onShow={() => setMost(most + STEP)}
            />
          </div>
        )}
      </Card>
    </>
  );
}

interface Pausable {
  readonly shown: readonly TrafficRecord[];
  /** That came since. */
  readonly waiting: number;
  readonly isPaused: boolean;
  readonly toggle: () => void;
}

function usePausable(all: readonly TrafficRecord[]): Pausable {
  const [stopped, setStopped] = useState<number | null>(null);
  const shown = stopped === null ? all : all.filter(({ id }) => id <= stopped);
  const toggle = (): void => setStopped(stopped === null ? (all[0]?.id ?? 0) : null);
  return { shown, waiting: all.length - shown.length, isPaused: stopped !== null, toggle };
}

function Filters({ filter }: { readonly filter: FeedFilter }): JSX.Element {
  const set = (part: Partial<FeedFilter>): void => changeView({ ...filter, ...part });
  return (
    <search class="filters" data-filter>
      <TextField
        label="Text"
        placeholder="route, body, key, address   /"
        value={filter.text}
        onChange={(text) => set({ text })}
      />
      <SelectField
        label="Job"
        value={filter.job}
        onChange={(job) => set({ job })}
        options={[['', 'all jobs'], ...JOBS.map((job) => [job, job] as const)]}
      />
      <SelectField
        label="Seal"
        value={filter.seal}
        onChange={(seal) => set({ seal: seal === 'sealed' || seal === 'plain' ? seal : '' })}
        options={[
          ['', 'sealed or plain'],
          ['sealed', 'sealed'],
          ['plain', 'plain'],
        ]}
      />
      <SelectField
        label="Answer"
        value={filter.status}
        onChange={(status) => set({ status: status === 'ok' || status === 'failed' ? status : '' })}
        options={[
          ['', 'any answer'],
          ['ok', 'ok'],
          ['failed', 'failed'],
        ]}
      />
    </search>
  );
}

interface PauseProps {
  readonly isPaused: boolean;
  readonly waiting: number;
  readonly onToggle: () => void;
}

function PauseButton({ isPaused, waiting, onToggle }: PauseProps): JSX.Element {
  const left = useStore(skipped);
  return (
    <div class="row">
      {left > 0 && <span class="hint">{count(left)} more came too fast to be shown</span>}
      <button type="button" aria-pressed={isPaused} onClick={onToggle}>
        <Icon name={isPaused ? 'play' : 'pause'} />
        {isPaused ? `Go on${waiting > 0 ? ` (${count(waiting)} new)` : ''}` : 'Pause'}
      </button>
    </div>
  );
}

function Nothing({ isFiltered }: { readonly isFiltered: boolean }): JSX.Element {
  if (isFiltered) {
    return (
      <Empty icon="feed" title="No message fits the filter.">
        <a href={linkTo('feed')}>Show all</a>
      </Empty>
    );
  }
  return (
    <Empty icon="feed" title="Nothing has gone through this node yet.">
      <p>
        <a href={linkTo('try')}>Send it something</a>, and it shows up here at once.
      </p>
    </Empty>
  );
}

interface MoreProps {
  /** Here, but not drawn. */
  readonly hidden: number;
  readonly oldest: TrafficRecord | undefined;
  readonly onShow: () => void;
}

function More({ hidden, oldest, onShow }: MoreProps): JSX.Element | null {
  const action = useAction();
  const [isEnd, setEnd] = useState(false);
  if (hidden === 0 && (isEnd || !oldest || oldest.id <= 1)) return null;
  const fetchOlder = async (): Promise<void> => {
    const page = await fetchTraffic(oldest?.id);
    if (!page.ok) return void action.run(async () => page);
    addOlder(page.value.records);
    setEnd(page.value.next === null);
    onShow();
  };
  return (
    <button type="button" class="more" onClick={() => (hidden > 0 ? onShow() : void fetchOlder())}>
      Show older ones
    </button>
  );
}

/** Up and down go from row to row; Home to the newest. */
function moveFocus(event: KeyboardEvent): void {
  const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('button.feed-row')];
  const index = rows.indexOf(document.activeElement as HTMLElement);
  const target = {
    ArrowDown: rows[index + 1],
    ArrowUp: rows[Math.max(0, index - 1)],
    Home: rows[0],
    End: rows.at(-1),
  }[event.key];
  if (!target || index < 0) return;
  event.preventDefault();
  target.focus();
}
