/** For a browser that the node does not know, or no longer. */

import type { JSX } from 'preact';
import { Snippet } from './components/copy.tsx';
import { Mark } from './components/icon.tsx';

export function LockedOut(): JSX.Element {
  return (
    <main class="door">
      <Mark />
      <h1>The console is locked</h1>
      <p>
        This browser has not been let in, or no longer is. Only who can read the node’s files gets a link.
      </p>
      <p>On the machine of the node, this prints a fresh link that works once:</p>
      <Snippet text="sotto console" what="Command for a fresh link" />
    </main>
  );
}
