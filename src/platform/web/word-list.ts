/** The English words of BIP-39, which few pages show. */

import { OnDemand } from '../../bytes/on-demand.ts';

export const wordList: OnDemand<readonly string[]> = /* @__PURE__ */ new OnDemand(
  'The list of words',
  'loadWords() of sotto/browser',
  async () => (await import('@scure/bip39/wordlists/english.js')).wordlist,
);
