/** CBOR, there from the start; in pages `cbor-on-demand.ts` stands here. */

import { type CborCodec, cborCodec } from './cbor-codec.ts';
import type { OnDemand } from './on-demand.ts';

export const cbor: Pick<OnDemand<CborCodec>, 'isLoaded' | 'part' | 'load'> = {
  isLoaded: true,
  part: cborCodec,
  load: () => null,
};
