/** What the parts of a node are given, whatever part they are. */

import type { Dispatcher } from '../../app/app.ts';
import type { Logger } from '../../app/message.ts';
import type { NodeKeys } from '../node-keys.ts';

export interface PartContext {
  /** What every door leads to. */
  readonly app: Dispatcher;
  readonly keys: NodeKeys;
  readonly log: Logger;
}

/** The options that have been said, without those that have not. */
export function said<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}
