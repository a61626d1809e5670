/** Every case of the kit, by family. */

import type { Case } from './case.ts';
import { lonelypsCases } from './cases/lonelyps.ts';
import { nativeCases } from './cases/native.ts';
import { pssstCases } from './cases/pssst.ts';
import { sickservCases } from './cases/sickserv.ts';
import { simpleClientServerCases } from './cases/simple-client-server.ts';
import { stpCases } from './cases/stp.ts';

const CASES: Readonly<Record<string, () => Case[] | Promise<Case[]>>> = {
  pssst: pssstCases,
  sickserv: sickservCases,
  lonelyps: lonelypsCases,
  stp: stpCases,
  'simple-client-server': simpleClientServerCases,
  native: nativeCases,
};

/** The five wires that others speak too, and our own additions. */
export const FAMILIES: readonly string[] = Object.keys(CASES);

/** All cases of a family, in an order that never changes. */
export async function casesOf(family: string): Promise<Case[]> {
  return (await CASES[family]?.()) ?? [];
}
