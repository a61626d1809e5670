/** The node's own key, its previous ones, and those that were made for others. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { KeyView, NodeView } from '../../contract.ts';
import { createKey, fetchKeys, fetchNode, rotateKey } from '../api.ts';
import { Badge, type Tone } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { CopyButton } from '../components/copy.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Loaded, Trouble } from '../components/empty.tsx';
import { Form, TextField } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { QrCode } from '../components/qr-code.tsx';
import { Words } from '../components/words.tsx';
import { useAction, useFetched } from '../fetched.ts';
import { moment } from '../format.ts';

export function Keys(): JSX.Element {
  const keys = useFetched(fetchKeys, ['keys']);
  const [shown, setShown] = useState<KeyView | null>(null);
  const [isRotating, setRotating] = useState(false);
  return (
    <Loaded of={keys}>
      {({ keys: all, unusable }) => (
        <>
          <Card
            title="Keys"
            actions={
              <button type="button" onClick={() => setRotating(true)}>
                Rotate the node’s key
              </button>
            }
          >
            <ul class="keys">
              {all.map((key) => (
                <KeyItem key={key.publicKey} value={key} onShow={() => setShown(key)} />
              ))}
            </ul>
            {unusable.map(({ file, why }) => (
              <p key={file} class="why">
                <code>{file}</code>: {why}
              </p>
            ))}
          </Card>
          <NewKey onMade={keys.reload} />
          {shown && <QrDialog value={shown} onClose={() => setShown(null)} />}
          {isRotating && <RotateDialog onClose={() => setRotating(false)} onDone={keys.reload} />}
        </>
      )}
    </Loaded>
  );
}

const ROLES: Readonly<Record<KeyView['role'], { readonly title: string; readonly tone: Tone }>> = {
  node: { title: 'this node', tone: 'good' },
  previous: { title: 'previous', tone: 'warn' },
  other: { title: 'made for somebody', tone: 'quiet' },
};

function KeyItem({ value, onShow }: { readonly value: KeyView; readonly onShow: () => void }): JSX.Element {
  const { name, file, role, publicKey, words, until } = value;
  return (
    <li>
      <div class="peer-head">
        <h3>{name}</h3>
        <Badge tone={ROLES[role].tone}>{ROLES[role].title}</Badge>
        {until !== null && <span class="hint">accepted until {moment(until)}</span>}
      </div>
      <p class="who-key">
        <code class="long">{publicKey}</code>
        <CopyButton text={publicKey} what={`the public key of ${name}`} />
      </p>
      <Words words={words} label={`The words of ${name}`} />
      <div class="row">
        <button type="button" aria-label={`Show QR code of ${name}`} onClick={onShow}>
          Show QR code
        </button>
        <span class="hint">
          private key in <code>{file}</code>
        </span>
      </div>
    </li>
  );
}

function NewKey({ onMade }: { readonly onMade: () => void }): JSX.Element {
  const [name, setName] = useState('');
  const { isBusy, run } = useAction();
  const make = async (): Promise<void> => {
    if (!(await run(() => createKey(name), `The key ${name} is made.`))) return;
    setName('');
    onMade();
  };
  return (
    <Card title="Make a key">
      <Form label="Make a key" onSubmit={() => void make()}>
        <div class="inline">
          <TextField
            label="For whom, or what"
            placeholder="sensor-1"
            isRequired
            value={name}
            onChange={setName}
          />
          <button type="submit" class="primary" disabled={isBusy}>
            <Icon name="plus" />
            Make it
          </button>
        </div>
        <p class="hint">
          It is written beside the node’s own, readable by its user alone. This page never sees private keys.
        </p>
      </Form>
    </Card>
  );
}

function QrDialog({
  value,
  onClose,
}: {
  readonly value: KeyView;
  readonly onClose: () => void;
}): JSX.Element {
  return (
    <Dialog title={`Public key of ${value.name}`} onClose={onClose}>
      <QrCode modules={value.qr} label={`QR code of the public key of ${value.name}`} />
      <p class="who-key">
        <code class="long">{value.publicKey}</code>
        <CopyButton text={value.publicKey} what="the public key" />
      </p>
      <Words words={value.words} label="Its words" />
    </Dialog>
  );
}

function RotateDialog({
  onClose,
  onDone,
}: {
  readonly onClose: () => void;
  readonly onDone: () => void;
}): JSX.Element {
  const [days, setDays] = useState('30');
  const { isBusy, problem, run } = useAction('spot');
  const node = useFetched<NodeView>(fetchNode, ['node']);
  const overlap = Number(days);
  const isPossible = days.trim() !== '' && overlap >= 0;
  const rotate = async (): Promise<void> => {
    if (!(await run(() => rotateKey(overlap), 'The node has a new key.'))) return;
    onDone();
    onClose();
  };
  return (
    <Dialog title="Give the node a new key" onClose={onClose}>
      <p>
        Callers need the new public key from then on. For as many days as you say, the present one
        {node.value && (
          <>
            {' '}
            (<code>{node.value.words.split(' ').slice(0, 2).join(' ')}…</code>)
          </>
        )}{' '}
        is accepted too, so that nobody is cut off at once.
      </p>
      <Form label="Rotate" onSubmit={() => void rotate()}>
        <TextField label="Days that both are accepted" isRequired value={days} onChange={setDays} />
        {problem && <Trouble problem={problem} />}
        <div class="row end">
          <button type="button" onClick={onClose}>
            Not now
          </button>
          <button type="submit" class="primary" disabled={isBusy || !isPossible}>
            Rotate
          </button>
        </div>
      </Form>
    </Dialog>
  );
}
