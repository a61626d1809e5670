/** Traces as frames. They name no key and no user: what they are for is to arrive. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { GroupSeal } from '../../envelope/group.ts';
import { DOCTOR_NAMESPACE, encodeTrace, type Trace } from '../../wire/peers-doctor.ts';
import { encodeStpFrame } from '../../wire/stp.ts';
import type { OwnFrames } from '../own-frames.ts';

const NOBODY = '-';

/** @param seal of the group, where the sender is hidden; else null. */
export function traceFrame(frames: OwnFrames, trace: Trace, seal: GroupSeal | null): Bytes {
  const { session, udpPort, tcpPort } = frames;
  const header = {
    session,
    namespace: DOCTOR_NAMESPACE,
    user: NOBODY,
    udpport: udpPort,
    tcpport: tcpPort,
    encrypted: false,
  };
  const frame = encodeStpFrame({ header, body: encodeTrace(trace) });
  return seal ? frames.sealed(seal, frame) : frame;
}

/** What a member of the group seals to prove that it is one: nobody else can use it for a question of their own. */
export function membershipText(nonce: string, asker: string): string {
  return `${nonce} ${asker}`;
}
