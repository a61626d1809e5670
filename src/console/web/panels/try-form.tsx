/** The fields of one job. */

import type { JSX } from 'preact';
import type { NodeView } from '../../contract.ts';
import { AreaField, CheckField, SelectField, TextField } from '../components/field.tsx';
import type { TryFields } from '../tries.ts';

export interface TryFormProps {
  readonly fields: TryFields;
  readonly onChange: (part: Partial<TryFields>) => void;
  readonly node: NodeView;
  readonly peers: readonly string[];
}

export function TryForm(props: TryFormProps): JSX.Element {
  switch (props.fields.job) {
    case 'request':
      return (
        <>
          <Address {...props} />
          <Route {...props} />
          <Body {...props} />
          <As {...props} />
          <CheckField
            label="Once: even if the packet comes twice, it is handled once"
            value={props.fields.once}
            onChange={(once) => props.onChange({ once })}
          />
        </>
      );
    case 'session':
      return (
        <>
          <Address {...props} />
          <Route {...props} />
          <Body {...props} />
          <As {...props} />
        </>
      );
    case 'peers':
      return (
        <>
          <TextField
            label="Peer"
            hint="A name, an id or its beginning, or the eight words."
            isRequired
            choices={props.peers}
            value={props.fields.peer}
            onChange={(peer) => props.onChange({ peer })}
          />
          <Route {...props} />
          <Body {...props} />
        </>
      );
    case 'broadcast':
      return (
        <>
          <p class="hint">Goes to everybody on the LAN; nobody answers it.</p>
          <Route {...props} />
          <Body {...props} />
        </>
      );
    case 'pubsub':
      return (
        <>
          <TextField
            label="Topic"
            isRequired
            isCode
            value={props.fields.topic}
            onChange={(topic) => props.onChange({ topic })}
          />
          <Body {...props} />
        </>
      );
    case 'lookup':
      return (
        <>
          <TextField
            label="Query"
            hint="A key, or what the query of this node understands."
            isRequired
            isCode
            value={props.fields.query}
            onChange={(query) => props.onChange({ query })}
          />
          <As {...props} />
          <CheckField
            label="By TCP, for answers that fit no datagram"
            value={props.fields.tcp}
            onChange={(tcp) => props.onChange({ tcp })}
          />
        </>
      );
  }
}

function Address({ fields, onChange, node }: TryFormProps): JSX.Element {
  const part = fields.job === 'session' ? 'sessions' : 'request';
  const choices = node.parts.find(({ name }) => name === part)?.addresses ?? [];
  return (
    <>
      <TextField
        label="Address"
        isRequired
        isCode
        choices={choices}
        value={fields.url}
        onChange={(url) => onChange({ url })}
      />
      <TextField
        label="Key of the server"
        placeholder="this node’s own"
        isCode
        value={fields.serverKey}
        onChange={(serverKey) => onChange({ serverKey })}
      />
    </>
  );
}

function Route({ fields, onChange, node }: TryFormProps): JSX.Element {
  return (
    <TextField
      label="Route"
      isRequired
      isCode
      choices={node.routes}
      value={fields.route}
      onChange={(route) => onChange({ route })}
    />
  );
}

function Body({ fields, onChange }: TryFormProps): JSX.Element {
  return (
    <AreaField
      label="Body"
      hint="JSON where it is JSON, else text; empty for none."
      value={fields.body}
      onChange={(body) => onChange({ body })}
    />
  );
}

function As({ fields, onChange }: TryFormProps): JSX.Element {
  return (
    <SelectField
      label="As"
      value={fields.as}
      onChange={(as) => onChange({ as: as === 'node' ? 'node' : 'anonymous' })}
      options={[
        ['anonymous', 'anonymous: no key is proved'],
        ['node', 'this node: its key is proved'],
      ]}
    />
  );
}
