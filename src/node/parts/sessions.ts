/** The part of a node that holds encrypted sessions. */

import { files } from '#files';
import { decodeUtf8 } from '../../bytes/text.ts';
import { SessionServer } from '../../session/server.ts';
import type { NodeConfig } from '../config.ts';
import type { SessionsSection } from '../sections.ts';
import type { PartPlan, Started } from '../slot.ts';
import { type PartContext, said } from './context.ts';
import { LiveAllow } from './live-allow.ts';

export function sessionsPart(context: PartContext): PartPlan<SessionServer> {
  return {
    name: 'sessions',
    settings: ({ sessions }) => sessions || null,
    start: (config) => start(config, context),
  };
}

async function start(
  { sessions }: NodeConfig,
  { app, keys, log }: PartContext,
): Promise<Started<SessionServer>> {
  const section = sessions as SessionsSection;
  const { listen, secretFile, resumeWithin, idleTimeout, slow, maxSessions } = section;
  const guests = new LiveAllow(section);
  const server = await SessionServer.start(app, {
    ...{ listen, identity: keys.identities, resumeWithin, slow, maxSessions, log },
    allow: keys.revoked.refusing(guests.allows),
    ...said({ idleTimeout }),
    ...(secretFile === undefined ? {} : { secret: await readSecret(secretFile) }),
  });
  return {
    handle: server,
    addresses: server.addresses,
    /** Who is there already stays. */
    apply: (changed) => guests.apply(changed.sessions as SessionsSection),
    close: () => server.close(),
  };
}

/** @throws SottoError `key_file_exposed` for a file that others can use, `key_file_missing`. */
export async function readSecret(file: string): Promise<string> {
  return decodeUtf8(await files.readPrivate(file)).trim();
}
