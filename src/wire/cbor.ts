/** CBOR, there from the start; in pages `cbor-on-demand.ts` stands here. */

import type { OnDemand } from '../bytes/on-demand.ts';
import { type CborCodec, cborCodec } from './cbor-codec.ts';

export const cbor: Pick<OnDemand<CborCodec>, 'isLoaded' | 'part' | 'load'> = {
  isLoaded: true,
  part: cborCodec,
  load: () => null,
};
