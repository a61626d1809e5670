/** Text to take along. */

import type { JSX } from 'preact';
import { notify } from '../notices.ts';
import { Icon } from './icon.tsx';

export function CopyButton({ text, what }: { readonly text: string; readonly what: string }): JSX.Element {
  return (
    <button
      type="button"
      class="ghost small"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy(text)}
    >
      <Icon name="copy" />
    </button>
  );
}

export interface SnippetProps {
  readonly text: string;
  readonly what: string;
}

/** A line for a terminal, or code for an editor; goes on in the next line at blanks alone, and not behind a `--`. */
export function Snippet({ text, what }: SnippetProps): JSX.Element {
  return (
    <div class="snippet">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what may be longer than its box has to be scrolled by keys */}
      <section tabIndex={0} aria-label={what}>
        <pre>
          {text
            .trimEnd()
            .split(/(\s+)/)
            .map((word, index) => (
              <span key={`${index} ${word}`}>{word}</span>
            ))}
        </pre>
      </section>
      <CopyButton text={text} what={what} />
    </div>
  );
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify('done', 'Copied.');
  } catch {
    notify('error', 'This browser does not let the page copy; select the text and copy it by hand.');
  }
}
