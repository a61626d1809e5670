/** Above a panel whose part of the node does not run: what it shows is not what could be. */

import type { JSX } from 'preact';
import type { NodeView, PartName } from '../../contract.ts';
import { fetchNode } from '../api.ts';
import { useFetched } from '../fetched.ts';
import { linkTo } from '../location.ts';
import { Trouble } from './empty.tsx';

export function PartNotice({ name }: { readonly name: PartName }): JSX.Element | null {
  const { value: node } = useFetched<NodeView>(fetchNode, ['node']);
  const part = node?.parts.find((each) => each.name === name);
  if (part?.state === 'failed')
    return <Trouble problem={{ code: 'unavailable', text: `${name} is not up: ${part.why}` }} />;
  if (part?.state !== 'off') return null;
  return (
    <p class="card">
      {name} is off in this node. <a href={linkTo('settings')}>Turn it on in the settings</a>
    </p>
  );
}
