/** The config file: checked, written and put in force from here; and what each field means. */

import { Fragment, type JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { ConfigView, PartName, Problem, ReloadView } from '../../contract.ts';
import { fetchConfig, leave, saveConfig } from '../api.ts';
import { Card } from '../components/card.tsx';
import { Loaded, Trouble } from '../components/empty.tsx';
import { AreaField, Form } from '../components/field.tsx';
import { Table } from '../components/table.tsx';
import { useAction, useFetched } from '../fetched.ts';
import { lockedOut, type Outcome } from '../http.ts';
import { type ConfigField, fieldsOfSchema } from '../schema.ts';

export function Settings(): JSX.Element {
  const config = useFetched(fetchConfig, ['config']);
  return (
    <Loaded of={config}>
      {(view) => (
        <>
          <Editor config={view} onSaved={config.reload} />
          <Leave />
          <Fields schema={view.schema} />
        </>
      )}
    </Loaded>
  );
}

function Editor({
  config,
  onSaved,
}: {
  readonly config: ConfigView;
  readonly onSaved: () => void;
}): JSX.Element {
  /** Null until somebody has typed; what is in force may change meanwhile. */
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? config.text;
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome<ReloadView> | null>(null);
  const save = async (): Promise<void> => {
    setBusy(true);
    const next = await saveConfig(text);
    setBusy(false);
    setOutcome(next);
    if (next.ok) onSaved();
  };
  return (
    <Card title={config.file}>
      <Form label="Edit the config" onSubmit={() => void save()}>
        <AreaField
          label="Config"
          hint="Only parts whose own section changes are started anew."
          rows={rowsFor(text)}
          value={text}
          onChange={setTyped}
        />
        <div class="row">
          <button type="submit" class="primary" disabled={isBusy || text === config.text}>
            Check, save and apply
          </button>
          <button type="button" disabled={text === config.text} onClick={() => setTyped(null)}>
            Back to what is in force
          </button>
        </div>
      </Form>
      <div aria-live="polite">{outcome && <Applied outcome={outcome} />}</div>
    </Card>
  );
}

/** All of a short one, and much of a long one. */
function rowsFor(text: string): number {
  return Math.min(28, Math.max(8, text.split('\n').length));
}

function Applied({ outcome }: { readonly outcome: Outcome<ReloadView> }): JSX.Element {
  if (!outcome.ok) return <Trouble problem={outcome.problem} />;
  const { restarted, applied, failed } = outcome.value;
  return (
    <div class="applied">
      <p>Saved. {sentenceOf(restarted, applied)}</p>
      {failed.map(({ part, why }) => (
        <Trouble key={part} problem={failureOf(part, why)} />
      ))}
    </div>
  );
}

function sentenceOf(restarted: readonly PartName[], applied: readonly PartName[]): string {
  const parts = [
    ...(restarted.length > 0 ? [`Started anew: ${restarted.join(', ')}.`] : []),
    ...(applied.length > 0 ? [`Changed while running: ${applied.join(', ')}.`] : []),
  ];
  return parts.length > 0 ? parts.join(' ') : 'No part had to change.';
}

function failureOf(part: PartName, why: string): Problem {
  return { code: 'invalid_config', text: `${part} does not run with it: ${why}` };
}

function Fields({ schema }: { readonly schema: unknown }): JSX.Element {
  return (
    <Card title="Fields">
      <Table<ConfigField>
        caption="Fields of the config"
        rows={fieldsOfSchema(schema)}
        keyOf={({ path }) => path}
        empty={<p class="hint">The node does not say which fields there are.</p>}
        columns={[
          { title: 'Field', cell: (field) => <FieldItem field={field} /> },
          { title: 'Takes', cell: ({ type }) => type },
          {
            title: 'Default',
            isExtra: true,
            cell: ({ fallback }) => fallback !== '' && <code>{fallback}</code>,
          },
        ]}
      />
    </Card>
  );
}

/** A long name may go on in the next line, behind a dot. */
function FieldItem({ field: { path, meaning } }: { readonly field: ConfigField }): JSX.Element {
  const [first = '', ...rest] = path.split('.');
  return (
    <div class="config-field">
      <code>
        {first}
        {rest.map((name) => (
          <Fragment key={name}>
            .<wbr />
            {name}
          </Fragment>
        ))}
      </code>
      {meaning !== '' && <p class="hint">{meaning}</p>}
    </div>
  );
}

function Leave(): JSX.Element {
  const { isBusy, run } = useAction();
  const lock = async (): Promise<void> => {
    if (await run(leave)) lockedOut.set(true);
  };
  return (
    <Card title="Lock the console">
      <p>
        Ends it in every browser that was let in. A fresh link comes from <code>sotto console</code>.
      </p>
      <div class="row">
        <button type="button" disabled={isBusy} onClick={() => void lock()}>
          Lock
        </button>
      </div>
    </Card>
  );
}
