/** Labelled controls. */

import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export interface TextFieldProps extends FieldProps {
  readonly placeholder?: string;
  readonly isRequired?: boolean;
  readonly isCode?: boolean;
  /** What may be chosen; anything else may be typed too. */
  readonly choices?: readonly string[];
}

export function TextField(props: TextFieldProps): JSX.Element {
  const { label, hint, value, onChange, placeholder, isRequired, isCode, choices } = props;
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <input
        id={id}
        class={isCode ? 'code' : undefined}
        value={value}
        placeholder={placeholder}
        required={isRequired}
        spellcheck={false}
        autocomplete="off"
        list={choices && `${id}-choices`}
        aria-describedby={hint && `${id}-hint`}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {choices && (
        <datalist id={`${id}-choices`}>
          {choices.map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
    </Labelled>
  );
}

export interface AreaFieldProps extends FieldProps {
  readonly rows?: number;
}

export function AreaField({ label, hint, value, onChange, rows = 4 }: AreaFieldProps): JSX.Element {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <textarea
        id={id}
        class="code"
        rows={rows}
        spellcheck={false}
        value={value}
        aria-describedby={hint && `${id}-hint`}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </Labelled>
  );
}

export interface SelectFieldProps extends FieldProps {
  /** Values, and what they are called. */
  readonly options: readonly (readonly [value: string, title: string])[];
}

export function SelectField({ label, hint, value, onChange, options }: SelectFieldProps): JSX.Element {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <select
        id={id}
        value={value}
        aria-describedby={hint && `${id}-hint`}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {options.map(([option, title]) => (
          <option key={option} value={option}>
            {title}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

export interface CheckFieldProps {
  readonly label: string;
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
}

export function CheckField({ label, value, onChange }: CheckFieldProps): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={value} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}

interface LabelledProps {
  readonly id: string;
  readonly label: string;
  readonly hint: string | undefined;
  readonly children: ComponentChildren;
}

function Labelled({ id, label, hint, children }: LabelledProps): JSX.Element {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** A form that is sent by its button and by Enter, never by leaving the page. */
export function Form({
  onSubmit,
  children,
  label,
}: {
  readonly onSubmit: () => void;
  readonly children: ComponentChildren;
  readonly label: string;
}): JSX.Element {
  return (
    <form
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}
