/** The English words of BIP-39, there from the start. */

import { wordlist } from '@scure/bip39/wordlists/english.js';
import type { OnDemand } from '../../bytes/on-demand.ts';

export const wordList: Pick<OnDemand<readonly string[]>, 'part' | 'load'> = {
  part: wordlist,
  load: () => null,
};
