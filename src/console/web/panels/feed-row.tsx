/** One message of the feed: a line, and all that is known of it once it is opened. */

import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { TrafficRecord } from '../../contract.ts';
import { Job, Seal, StatusBadge } from '../components/badge.tsx';
import { CopyButton } from '../components/copy.tsx';
import { Words } from '../components/words.tsx';
import { bytes, milliseconds, moment, readable, shortFingerprint, statusText, time } from '../format.ts';
import { linkTo } from '../location.ts';
import type { Acquaintance } from '../who.ts';

export interface FeedRowProps {
  readonly record: TrafficRecord;
  readonly who: Acquaintance | null;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

export function FeedRow({ record, who, isOpen, onToggle }: FeedRowProps): JSX.Element {
  const details = useId();
  return (
    <li class={record.status === 0 ? undefined : 'failed'}>
      <button
        type="button"
        class="feed-row"
        aria-expanded={isOpen}
        aria-controls={isOpen ? details : undefined}
        onClick={onToggle}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && isOpen) onToggle();
        }}
      >
        <time dateTime={new Date(record.at).toISOString()}>{time(record.at)}</time>
        <Job name={record.job} />
        <code class="feed-route">{record.route}</code>
        <span class="feed-who">{whoText(record, who)}</span>
        <Seal kind={record.isSealed ? 'sealed' : 'plain'} />
        <StatusBadge status={record.status} />
        <span class="feed-ms">{milliseconds(record.duration)}</span>
      </button>
      {isOpen && <Details id={details} record={record} who={who} />}
    </li>
  );
}

function whoText({ sender, remote }: TrafficRecord, who: Acquaintance | null): string {
  if (who) return who.name;
  return sender ? shortFingerprint(sender.fingerprint) : (remote ?? 'nobody proven');
}

function Details({
  id,
  record,
  who,
}: {
  readonly id: string;
  readonly record: TrafficRecord;
  readonly who: Acquaintance | null;
}): JSX.Element {
  const { sender } = record;
  return (
    <div class="details" id={id}>
      <dl class="pairs">
        <Pair name="When">{moment(record.at)}</Pair>
        <Pair name="Way">
          {record.job} over {record.transport}
          {record.remote && `, from ${record.remote}`}
        </Pair>
        <Pair name="Proof">{PROOFS[record.proof]}</Pair>
        {sender && (
          <Pair name="Who">
            {who && <span>{who.name} </span>}
            <code class="long">{sender.key}</code>
            <CopyButton text={sender.key} what="the sender’s key" />
          </Pair>
        )}
        {sender && (
          <Pair name="Fingerprint">
            <code class="long">{sender.fingerprint}</code>
            {who?.words && <Words words={who.words} label="The fingerprint in words" />}
          </Pair>
        )}
        <Pair name="Answer">
          {statusText(record)} after {milliseconds(record.duration)}
        </Pair>
      </dl>
      <div class="bodies">
        <Body title={`Came: ${bytes(record.bytes)}`} text={record.request} />
        <Body title="Answered" text={record.reply} />
      </div>
      {record.job !== 'local' && (
        <a class="button" href={linkTo('try', again(record))}>
          Try this again
        </a>
      )}
    </div>
  );
}

const PROOFS: Readonly<Record<TrafficRecord['proof'], string>> = {
  packet: 'this packet proves the sender’s key',
  session: 'the session’s handshake has proved the key',
  peer: 'a neighbour that has proved its key',
  token: 'a token that only the sender could make',
  none: 'nobody has proved anything',
};

function Pair({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Body({ title, text }: { readonly title: string; readonly text: string }): JSX.Element {
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      {text === '' ? (
        <p class="hint">no body</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: long bodies are scrolled by keys
        <pre tabIndex={0}>{readable(text)}</pre>
      )}
    </section>
  );
}

/** The fields of the form that would send it once more. */
function again({ job, route, request, transport }: TrafficRecord): Readonly<Record<string, string>> {
  if (job === 'lookup') return { job, query: request === '' ? route : request };
  if (job === 'pubsub') return { job, topic: route, body: request };
  return { job, route, body: request, transport };
}
