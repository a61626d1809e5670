/** Marks that mean the same wherever they stand. */

import type { ComponentChildren, JSX } from 'preact';
import type { PartState, TrafficRecord } from '../../contract.ts';
import { statusText } from '../format.ts';
import { Icon } from './icon.tsx';

export type Tone = 'good' | 'warn' | 'bad' | 'quiet' | 'accent';

export function Badge({
  tone,
  children,
}: {
  readonly tone: Tone;
  readonly children: ComponentChildren;
}): JSX.Element {
  return <span class={`badge ${tone}`}>{children}</span>;
}

const SEALS = {
  sealed: { tone: 'good', meaning: 'Nobody between the two ends can read it.' },
  group: { tone: 'good', meaning: 'Whoever knows the secret of the group can read it.' },
  plain: { tone: 'warn', meaning: 'Everybody on the way can read it.' },
} as const;

export type SealKind = keyof typeof SEALS;

export function Seal({ kind }: { readonly kind: SealKind }): JSX.Element {
  const { tone, meaning } = SEALS[kind];
  return (
    <span class={`badge seal ${tone}`} title={meaning}>
      <Icon name={kind} />
      {kind}
    </span>
  );
}

const STATE_TONES: Readonly<Record<PartState, Tone>> = {
  up: 'good',
  starting: 'accent',
  stopping: 'accent',
  failed: 'bad',
  off: 'quiet',
};

export function StateBadge({ state }: { readonly state: PartState }): JSX.Element {
  return <Badge tone={STATE_TONES[state]}>{state}</Badge>;
}

/** `ok`, or the number of what went wrong. */
export function StatusBadge(record: Pick<TrafficRecord, 'status'>): JSX.Element {
  return <Badge tone={record.status === 0 ? 'quiet' : 'bad'}>{statusText(record)}</Badge>;
}

export function Job({ name }: { readonly name: TrafficRecord['job'] }): JSX.Element {
  return <span class={`job job-${name}`}>{name}</span>;
}
