import type { App } from '../app/app.ts';
import type { Logger } from '../app/message.ts';
import { messageOf, SottoError } from '../errors.ts';
import { accessList } from '../keys/access-list.ts';
import { Identity } from '../keys/identity.ts';
import type { PublicKey } from '../keys/public-key.ts';
import type { RequestServerOptions } from '../request/options.ts';
import { RequestServer } from '../request/server.ts';
import type { OnceWindowOptions, SealedLimits } from '../sealed/options.ts';
import { type NodeConfig, type PartialNodeConfig, parseConfig } from './config.ts';

/** A running node. */
export interface Node extends AsyncDisposable {
  /** Where it listens, with the ports it really got. */
  readonly addresses: readonly string[];
  readonly publicKey: PublicKey;
  /** Takes nothing new, finishes what is in flight, closes every socket. */
  close(): Promise<void>;
}

/** What a file cannot say. */
export interface ServeExtras {
  /** Default: loaded from `config.identity`, which is made where it is missing. */
  readonly identity?: Identity;
  readonly passphrase?: string;
  readonly log?: Logger;
  /** Other processes share the ports. Default false. */
  readonly reusePort?: boolean;
}

/**
 * Serves an app by everything that `config` turns on: what `sotto up` does.
 *
 * @param config the content of a `sotto.config.json`, in part or whole.
 * @throws SottoError `invalid_config`, and whatever the parts throw when they start.
 *
 * @example
 * ```ts
 * import { createApp, serve } from 'sotto';
 * const app = createApp().on('/echo', (ctx) => ctx.body);
 * const node = await serve(app, { listen: ['udp://127.0.0.1:0'] });
 * console.log(node.addresses);
 * await node.close();
 * ```
 */
export async function serve(
  app: App,
  config: PartialNodeConfig = {},
  extras: ServeExtras = {},
): Promise<Node> {
  const resolved = parseConfig(config, 'The config');
  const identity = extras.identity ?? (await loadOrMakeIdentity(resolved.identity, extras));
  const server = await RequestServer.start(app, serverOptions(resolved, identity, extras));
  return {
    publicKey: server.publicKey,
    get addresses() {
      return server.addresses;
    },
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** The identity in a file; a new one where there is no file. */
export async function loadOrMakeIdentity(
  file: string,
  options: { passphrase?: string } = {},
): Promise<Identity> {
  const { passphrase } = options;
  const sealed = passphrase === undefined ? {} : { passphrase };
  try {
    return await Identity.load(file, sealed);
  } catch (error) {
    if (!(error instanceof SottoError) || error.code !== 'key_file_missing') throw error;
  }
  const identity = Identity.generate();
  await identity.save(file, sealed);
  return identity;
}

function serverOptions(config: NodeConfig, identity: Identity, extras: ServeExtras): RequestServerOptions {
  const { payload, listen, maxDatagram, limits, onceStore, allow } = config;
  const onceWindow: OnceWindowOptions = onceStore === undefined ? {} : { store: onceStore };
  return {
    identity,
    listen,
    payload,
    onceWindow,
    ...(maxDatagram === undefined ? {} : { maxDatagram }),
    ...(limits === undefined ? {} : { limits: definedOf(limits) }),
    ...(allow === undefined ? {} : { allow: allowList(allow) }),
    ...(extras.log === undefined ? {} : { log: extras.log }),
    ...(extras.reusePort === undefined ? {} : { reusePort: extras.reusePort }),
  };
}

function allowList(keys: readonly string[]): (key: PublicKey | null) => boolean {
  try {
    return accessList(keys);
  } catch (cause) {
    throw new SottoError('invalid_config', `allow: ${messageOf(cause)}`, { cause });
  }
}

function definedOf(limits: NonNullable<NodeConfig['limits']>): Partial<SealedLimits> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
