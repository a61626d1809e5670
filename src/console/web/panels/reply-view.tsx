/** What was answered, and how long it took. */

import type { JSX } from 'preact';
import type { TryReply } from '../../contract.ts';
import { Badge } from '../components/badge.tsx';
import { milliseconds } from '../format.ts';

export function ReplyView({ reply }: { readonly reply: TryReply }): JSX.Element {
  const { ok, status, value, duration } = reply;
  return (
    <div class={`reply ${ok ? '' : 'failed'}`}>
      <p class="row">
        <Badge tone={ok ? 'good' : 'bad'}>{ok ? 'answered' : status}</Badge>
        <span class="hint">after {milliseconds(duration)}</span>
      </p>
      {value === '' ? (
        <p class="hint">nothing more was said</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: long answers are scrolled by keys
        <pre tabIndex={0}>{value}</pre>
      )}
    </div>
  );
}
