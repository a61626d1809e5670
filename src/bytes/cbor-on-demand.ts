/** CBOR in pages: most of what they say is JSON, and the library is as long as a client. */

import type { CborCodec } from './cbor-codec.ts';
import { OnDemand } from './on-demand.ts';

export const cbor: OnDemand<CborCodec> = /* @__PURE__ */ new OnDemand(
  'CBOR',
  'loadCbor() of sotto/browser',
  async () => (await import('./cbor-codec.ts')).cborCodec,
);
