/** Messages of sensors that do not exist, the same at every run. */

import { encodeUtf8 } from '../../src/bytes/text.ts';

/** Numbers below `below`, by a linear congruence. */
export function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Kind = 'climate' | 'power' | 'door';

export const KINDS: readonly Kind[] = ['climate', 'power', 'door'];

/** What one sensor says, as JSON of about 120 bytes. */
export function sensorMessage(roll: (below: number) => number, kind: Kind): Uint8Array {
  const at = 1_764_000_000 + roll(1_000_000);
  const room = ['kitchen', 'hall', 'attic', 'cellar'][roll(4)];
  switch (kind) {
    case 'climate': {
      const reading = { temperature: (180 + roll(80)) / 10, humidity: 30 + roll(40), battery: roll(100) };
      return encodeUtf8(JSON.stringify({ device: `climate-${roll(400)}`, room, ...reading, at }));
    }
    case 'power': {
      const reading = { watts: roll(3000), voltage: 220 + roll(20), phase: ['L1', 'L2', 'L3'][roll(3)] };
      return encodeUtf8(
        JSON.stringify({ meter: { id: roll(50), circuit: room }, ...reading, timestamp: at }),
      );
    }
    case 'door': {
      const state = ['opened', 'closed', 'locked'][roll(3)];
      return encodeUtf8(
        JSON.stringify({ type: 'door', door: `${room}/door-${roll(9)}`, event: state, by: roll(99), at }),
      );
    }
  }
}
