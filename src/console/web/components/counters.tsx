/** Numbers that only rise, by name; and single figures worth a look. */

import type { JSX } from 'preact';
import { count } from '../format.ts';
import { Card } from './card.tsx';

export function Counters({
  counters,
}: {
  readonly counters: Readonly<Record<string, number>>;
}): JSX.Element | null {
  const entries = Object.entries(counters);
  if (entries.length === 0) return null;
  return (
    <Card title="Counted since the start">
      <dl class="counters">
        {entries.map(([name, value]) => (
          <div key={name} class={value === 0 ? 'zero' : undefined}>
            <dt>{spaced(name)}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

export interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly isWarning?: boolean;
}

export function Figure({ name, value, isWarning = false }: FigureProps): JSX.Element {
  return (
    <dl class={`figure ${isWarning ? 'warn' : ''}`}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </dl>
  );
}

/** `tooManyRequests` as `too many requests`. */
export function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replaceAll(/[_-]/g, ' ');
}
