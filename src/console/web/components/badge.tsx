/** Marks that mean the same wherever they stand. */

import type { ComponentChildren, JSX } from 'preact';
import type { ChatLine, PartState, TrafficRecord } from '../../contract.ts';
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

const MARKS = {
  trusted: { tone: 'good', text: 'trusted', meaning: 'You have compared the words of its key.' },
  verified: {
    tone: 'accent',
    text: 'key proved',
    meaning: 'It has proved its key; its name is what it says.',
  },
  claimed: { tone: 'quiet', text: 'only claimed', meaning: 'Its name is what it says, and nothing more.' },
  'NEW KEY': {
    tone: 'bad',
    text: 'NEW KEY',
    meaning: 'Another key was known by this name: compare the words.',
  },
  blocked: { tone: 'bad', text: 'blocked', meaning: 'You have blocked it.' },
  plain: { tone: 'warn', text: 'no key', meaning: 'It proves nothing.' },
} as const;

/** How far a name is to be believed. */
export function MarkBadge({ mark }: { readonly mark: NonNullable<ChatLine['mark']> }): JSX.Element {
  const { tone, text, meaning } = MARKS[mark];
  return (
    <span class={`badge ${tone}`} title={meaning}>
      {text}
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
