import type { JSX } from 'preact';
import { dismiss, notices } from '../notices.ts';
import { useStore } from '../store.ts';
import { Icon } from './icon.tsx';

export function Notices(): JSX.Element {
  return (
    <div class="notices" aria-live="polite" aria-relevant="additions">
      {useStore(notices).map(({ id, kind, text }) => (
        <p key={id} class={`notice ${kind}`}>
          <Icon name={kind === 'done' ? 'check' : 'warning'} />
          <span>{text}</span>
          <button type="button" class="ghost small" aria-label="Put away" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </div>
  );
}
