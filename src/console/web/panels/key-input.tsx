/** A key of a file, completed as it is typed: a combobox as the ARIA practices describe it. */

import type { JSX } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { complete } from '../api.ts';

export interface KeyInputProps {
  readonly file: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** One of the list was taken. */
  readonly onChosen: (key: string) => void;
}

export function KeyInput({ file, value, onChange, onChosen }: KeyInputProps): JSX.Element {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const keys = useKeys(file, value, isOpen);
  const shown = isOpen && keys.length > 0;
  const choose = (key: string): void => {
    onChange(key);
    setOpen(false);
    onChosen(key);
  };
  const press = (event: KeyboardEvent): void => {
    const chosen = keys[at];
    if (event.key === 'Escape') setOpen(false);
    else if (event.key === 'Enter' && shown && chosen !== undefined) choose(chosen);
    else if (event.key === 'ArrowDown') {
      setOpen(true);
      setAt(Math.min(at + 1, keys.length - 1));
    } else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, -1));
    else return;
    if (event.key !== 'Enter' || chosen !== undefined) event.preventDefault();
  };
  return (
    <div class="field combo">
      <label for={id}>Key or query</label>
      <input
        id={id}
        class="code"
        role="combobox"
        aria-expanded={shown}
        aria-controls={`${id}-keys`}
        aria-autocomplete="list"
        aria-activedescendant={shown && at >= 0 ? `${id}-${at}` : undefined}
        autocomplete="off"
        spellcheck={false}
        required
        placeholder="begin to type   /"
        value={value}
        onInput={(event) => {
          onChange(event.currentTarget.value);
          setOpen(true);
          setAt(-1);
        }}
        onFocus={() => setOpen(true)}
        onKeyDown={press}
        onBlur={() => setOpen(false)}
      />
      {/* biome-ignore-start lint/a11y/useSemanticElements: a <select> cannot hang below an input */}
      <div id={`${id}-keys`} role="listbox" aria-label="Keys" hidden={!shown} tabIndex={-1}>
        {shown &&
          keys.map((key, index) => (
            <div
              key={key}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              // Before the input loses the focus, which would close the list.
              onMouseDown={(event) => {
                event.preventDefault();
                choose(key);
              }}
            >
              {key}
            </div>
          ))}
      </div>
      {/* biome-ignore-end lint/a11y/useSemanticElements: see above */}
    </div>
  );
}

/** Only the answer to what was typed last counts. */
function useKeys(file: string, prefix: string, isWanted: boolean): readonly string[] {
  const [keys, setKeys] = useState<readonly string[]>([]);
  useEffect(() => {
    if (!isWanted) return;
    let isLatest = true;
    void complete(file, prefix).then((outcome) => {
      if (isLatest) setKeys(outcome.ok ? outcome.value.keys : []);
    });
    return () => {
      isLatest = false;
    };
  }, [file, prefix, isWanted]);
  return keys;
}
