/** Every case of the kit, by family; read when they are asked for, as the vectors are long. */

import type { Case } from './case.ts';

const CASES: Readonly<Record<string, () => Promise<readonly Case[]>>> = {
  pssst: async () => (await import('./cases/pssst.ts')).pssstCases(),
  sickserv: async () => (await import('./cases/sickserv.ts')).sickservCases(),
  lonelyps: async () => (await import('./cases/lonelyps.ts')).lonelypsCases(),
  stp: async () => (await import('./cases/stp.ts')).stpCases(),
  'simple-client-server': async () =>
    (await import('./cases/simple-client-server.ts')).simpleClientServerCases(),
  native: async () => (await import('./cases/native.ts')).nativeCases(),
};

/** The five wires that others speak too, and our own additions. */
export const FAMILIES: readonly string[] = Object.keys(CASES);

/** All cases of a family, in an order that never changes. */
export async function casesOf(family: string): Promise<readonly Case[]> {
  return (await CASES[family]?.()) ?? [];
}
