/** Short sentences about what was just done, for eyes and for screen readers. */

import { Store } from './store.ts';

export interface Notice {
  readonly id: number;
  readonly kind: 'done' | 'error';
  readonly text: string;
}

/** How long one stands, ms; errors stand until they are put away. */
const STANDS = 5000;
const MOST = 4;

export const notices: Store<readonly Notice[]> = new Store<readonly Notice[]>([]);
let count = 0;

export function notify(kind: Notice['kind'], text: string): void {
  count += 1;
  const notice = { id: count, kind, text };
  notices.set([...notices.value.filter((other) => other.text !== text), notice].slice(-MOST));
  if (kind === 'done') setTimeout(() => dismiss(notice.id), STANDS);
}

export function dismiss(id: number): void {
  notices.set(notices.value.filter((notice) => notice.id !== id));
}
