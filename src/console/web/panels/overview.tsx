/** The node at a glance: who it is, how its parts are, what goes through, and what to try first. */

import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { NodeView, PartStatus, TryRequest } from '../../contract.ts';
import { equivalentsOf } from '../../equivalents.ts';
import { fetchNode } from '../api.ts';
import { StateBadge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { CopyButton, Snippet } from '../components/copy.tsx';
import { Loaded } from '../components/empty.tsx';
import { Words } from '../components/words.tsx';
import { useFetched } from '../fetched.ts';
import { firstTries } from '../first-tries.ts';
import { age, bytes, plural, shortKey } from '../format.ts';
import { linkTo } from '../location.ts';
import { Charts } from './charts.tsx';

/** Memory changes without an event, ms. */
const LOOK_AGAIN = 10_000;

export function Overview(): JSX.Element {
  const node = useFetched(fetchNode, ['node']);
  useEffect(() => {
    const timer = setInterval(node.reload, LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [node.reload]);
  return (
    <Loaded of={node}>
      {(view) => (
        <>
          <Who node={view} />
          <Charts />
          <div class="columns">
            <Parts parts={view.parts} />
            <FirstTries node={view} />
          </div>
        </>
      )}
    </Loaded>
  );
}

function Who({ node }: { readonly node: NodeView }): JSX.Element {
  return (
    <section class="card who" aria-label="This node">
      <div>
        <p class="who-name">{node.name}</p>
        <p class="who-key">
          <code title={node.publicKey}>{shortKey(node.publicKey)}</code>
          <CopyButton text={node.publicKey} what="the public key" />
        </p>
        <Words words={node.words} label="The fingerprint of this node, in words" />
        <p class="hint">The same key in words, for people to compare.</p>
      </div>
      <dl class="facts">
        <Fact name="Up for" value={age(Date.now() - node.startedAt)} />
        <Fact
          name="Memory"
          value={bytes(node.memory.rss)}
          more={`${bytes(node.memory.heapUsed)} in objects`}
        />
        <Fact name="App" value={node.app} more={plural(node.routes.length, 'route')} />
        <Fact
          name="Sotto"
          value={node.version}
          more={`Node ${node.nodeVersion.replace(/^v/, '')}, ${node.platform}`}
        />
      </dl>
    </section>
  );
}

function Fact({
  name,
  value,
  more,
}: {
  readonly name: string;
  readonly value: string;
  readonly more?: string;
}): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {more && <small>{more}</small>}
      </dd>
    </div>
  );
}

function Parts({ parts }: { readonly parts: readonly PartStatus[] }): JSX.Element {
  return (
    <Card title="Parts">
      <ul class="parts">
        {parts.map(({ name, state, addresses, why }) => (
          <li key={name}>
            <span class="part-name">{name}</span>
            <StateBadge state={state} />
            <div class="part-more">
              {why !== '' && <p class="why">{why}</p>}
              {addresses.map((address) => (
                <p key={address} class="address">
                  <code>{address}</code>
                  <CopyButton text={address} what={address} />
                </p>
              ))}
              {state === 'off' && <a href={linkTo('settings')}>Turn it on in the settings</a>}
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** Of what has no command, the program. */
function commandOf(request: TryRequest, node: NodeView): string {
  const { command, code } = equivalentsOf(request, node);
  return command ?? code;
}

function FirstTries({ node }: { readonly node: NodeView }): JSX.Element {
  return (
    <Card title="Three things to try">
      <ol class="tries">
        {firstTries(node).map(({ title, request, link }) => (
          <li key={title}>
            <p>
              {title} <a href={link}>Try it here</a>
            </p>
            <Snippet text={commandOf(request, node)} what={`Command: ${title}`} />
          </li>
        ))}
      </ol>
    </Card>
  );
}
