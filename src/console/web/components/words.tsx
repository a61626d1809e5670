/** A fingerprint as people compare it: eight words to read aloud. */

import type { JSX } from 'preact';

export function Words({ words, label }: { readonly words: string; readonly label: string }): JSX.Element {
  return (
    <ol class="words" aria-label={label}>
      {words.split(' ').map((word, index) => (
        <li key={`${index} ${word}`}>{word}</li>
      ))}
    </ol>
  );
}
