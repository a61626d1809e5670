/** Parts that programs load when they need them: loaded before, as that takes real time, which a simulated clock does not see. */

import { loadSpans } from '../pubsub/operations/spans.ts';

export async function preload(): Promise<void> {
  await Promise.all([loadSpans(), import('../pubsub/attach.ts'), import('../transport/http-asking-pipe.ts')]);
}
