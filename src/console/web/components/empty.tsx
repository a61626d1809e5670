/** Where there is nothing yet: what would be here, and the next step. */

import type { ComponentChildren, JSX } from 'preact';
import type { Problem } from '../../contract.ts';
import type { Fetched } from '../fetched.ts';
import { Icon, type IconName } from './icon.tsx';

export interface EmptyProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
}

export function Empty({ icon, title, children }: EmptyProps): JSX.Element {
  return (
    <div class="empty">
      <Icon name={icon} />
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Trouble({
  problem,
  onRetry,
}: {
  readonly problem: Problem;
  readonly onRetry?: () => void;
}): JSX.Element {
  return (
    <div class="trouble" role="alert">
      <Icon name="warning" />
      <p>{problem.text}</p>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export interface LoadedProps<T> {
  readonly of: Fetched<T>;
  readonly children: (value: T) => ComponentChildren;
}

/** A view once it has come; the last one stays, under what went wrong. */
export function Loaded<T>({ of: { value, problem, reload }, children }: LoadedProps<T>): JSX.Element {
  return (
    <>
      {problem && <Trouble problem={problem} onRetry={reload} />}
      {value !== null && children(value)}
      {value === null && problem === null && <p class="loading">Asking the node…</p>}
    </>
  );
}
