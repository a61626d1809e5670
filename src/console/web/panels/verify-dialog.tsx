/** Two people compare words aloud: only they can tell that nobody stands between. */

import type { JSX } from 'preact';
import type { PeersView, PeerView } from '../../contract.ts';
import { Dialog } from '../components/dialog.tsx';
import { Words } from '../components/words.tsx';

export interface VerifyDialogProps {
  readonly peer: PeerView;
  readonly self: PeersView['self'];
  readonly onSame: () => void;
  readonly onClose: () => void;
}

export function VerifyDialog({ peer, self, onSame, onClose }: VerifyDialogProps): JSX.Element {
  return (
    <Dialog title={`Is it really ${peer.name}?`} onClose={onClose}>
      <p>
        Call them, or meet. Let them read <em>their</em> words from their screen, and read them yours. Eight
        words that are the same leave no room for anybody in between.
      </p>
      <h3>They should read to you</h3>
      <Words words={peer.words} label={`The words of ${peer.name}`} />
      <h3>You read to them</h3>
      <Words words={self.words} label="The words of this node" />
      <form method="dialog" class="row end">
        <button type="submit">Not now</button>
        <button type="submit" class="primary" onClick={onSame}>
          They are the same: trust
        </button>
      </form>
    </Dialog>
  );
}
