/** The part of a node that answers sealed requests: in this process, or in several that share its ports. */

import { SottoError } from '../../errors.ts';
import type { RequestServerOptions } from '../../request/options.ts';
import { RequestServer } from '../../request/server.ts';
import type { SealedLimits } from '../../sealed/options.ts';
import type { NodeConfig } from '../config.ts';
import type { RequestSection } from '../sections.ts';
import type { PartPlan, Started } from '../slot.ts';
import type { Workers } from '../workers.ts';
import { type PartContext, said } from './context.ts';
import { LiveAllow } from './live-allow.ts';

export interface RequestPartOptions extends PartContext {
  /** Other processes share the ports. */
  readonly reusePort: boolean;
  /** Starts the processes of `workers`; null where there can be none. */
  readonly startWorkers: ((config: NodeConfig) => Promise<Workers>) | null;
}

export function requestPart(options: RequestPartOptions): PartPlan<RequestServer | null> {
  return {
    name: 'request',
    settings: ({ request, data, access }) => {
      if (request === false) return null;
      return { ...request, data, ...(request.workers > 1 ? { access } : {}) };
    },
    start: (config) => start(config, options),
  };
}

async function start(
  config: NodeConfig,
  options: RequestPartOptions,
): Promise<Started<RequestServer | null>> {
  const section = config.request as RequestSection;
  if (section.workers > 1 && !options.reusePort) return startWorkers(config, options);
  const guests = new LiveAllow(section);
  const server = await RequestServer.start(options.app, {
    ...serverOptions(section, config.data, options),
    allow: options.keys.revoked.refusing(guests.allows),
  });
  return {
    handle: server,
    addresses: server.addresses,
    apply: (changed) => guests.apply(changed.request as RequestSection),
    close: () => server.close(),
  };
}

/** Their counters and their traffic are theirs: the server is null here. */
async function startWorkers(
  config: NodeConfig,
  options: RequestPartOptions,
): Promise<Started<RequestServer | null>> {
  if (!options.startWorkers) {
    const text = 'request.workers: only the command starts processes of its own; leave it out here.';
    throw new SottoError('invalid_config', text);
  }
  const workers = await options.startWorkers(config);
  return {
    handle: null,
    holdsKeys: true,
    holdsApp: true,
    addresses: workers.addresses,
    close: () => workers.close(),
  };
}

function serverOptions(
  section: RequestSection,
  data: string,
  { keys, log, reusePort }: RequestPartOptions,
): RequestServerOptions {
  const { payload, listen, maxDatagram, limits, onceStore = `sqlite:${data}/once.db` as const } = section;
  return {
    ...{ identity: keys.identities, listen, payload, log, reusePort, onceWindow: { store: onceStore } },
    ...said({ maxDatagram }),
    ...(limits === undefined ? {} : { limits: said(limits) as Partial<SealedLimits> }),
  };
}
