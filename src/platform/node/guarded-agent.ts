/** Connections to permitted addresses alone, judged as they are made: a name that leads elsewhere a moment later is no way in. */

import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import type { AddressGuard } from './addresses.ts';

type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void;

/** An agent that refuses to connect where its guard does. */
export function guardedAgent(
  guard: AddressGuard,
  options: Agent.Options & { connectTimeout: number },
): Agent {
  const connect = buildConnector({ timeout: options.connectTimeout, lookup: guardedLookup(guard) });
  return new Agent({
    ...options,
    connect(target, callback) {
      // No name is looked up for an address that is written out.
      if (isIP(target.hostname) === 0 || guard.permits(target.hostname)) connect(target, callback);
      else queueMicrotask(() => callback(guard.refusal(target.hostname), null));
    },
  });
}

/** Looks a name up as usual, and gives only those of its addresses that are permitted. */
export function guardedLookup(guard: AddressGuard, resolve: Resolve = lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const permitted = found.filter(({ address }) => guard.permits(address));
      const [first] = permitted;
      if (!first) return callback(guard.refusal(found[0]?.address ?? hostname), []);
      if (options.all) callback(null, permitted);
      else callback(null, first.address, first.family);
    });
  };
}
