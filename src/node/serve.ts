import type { App } from '../app/app.ts';
import { type Logger, SILENT } from '../app/message.ts';
import { SottoError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import { IdentityRing } from '../keys/identity-ring.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { Events } from '../sealed/events.ts';
import { accessOf } from './access.ts';
import { CONFIG_FILE, type NodeConfig, type PartialNodeConfig, parseConfig } from './config.ts';
import { makeDataFolder } from './data-folder.ts';
import { Front, type Taker, type TakerPlace } from './front.ts';
import { LogTail } from './log-tail.ts';
import type { Node, NodeEvent, ReloadReport, RunningParts } from './node.ts';
import { loadOrMakeIdentities, NodeKeys } from './node-keys.ts';
import type { PartName, PartStatus } from './part.ts';
import type { RequestPartOptions } from './parts/request.ts';
import { Parts } from './parts.ts';
import { Traffic } from './traffic.ts';

/** What a file cannot say. */
export interface ServeExtras {
  /**
   * Default: loaded from `config.identity`, which is made where it is missing, with the keys before it that are accepted; and
   * again whenever the config is reloaded.
   */
  readonly identity?: Identity | IdentityRing;
  /** Where `identity` is given: what it has become, asked for at each reload. Default: it stays. */
  readonly loadIdentities?: () => Promise<IdentityRing>;
  /** Opens the key file, and seals what comes in its place when the console rotates it. */
  readonly passphrase?: string;
  readonly log?: Logger;
  /** Other processes share the ports of requests. Default false. */
  readonly reusePort?: boolean;
  /** What the console shows, and writes when somebody changes it there. Default `sotto.config.json`. */
  readonly configFile?: string;
  /** The folder of the console's page, where it was built elsewhere. Default the package's own. */
  readonly consolePage?: string;
  /** Starts the processes of `request.workers`. Default: there can be none. */
  readonly startWorkers?: NonNullable<RequestPartOptions['startWorkers']>;
  /** Gives the app of a config that is reloaded. Default: the app stays. */
  readonly loadApp?: (config: NodeConfig, node: Node) => Promise<App>;
}

/**
 * Serves an app by everything that `config` turns on: what `sotto up` does. A part that cannot be started says so in
 * `node.parts`, and takes none of the others along; it is tried again by and by.
 *
 * @param config the content of a `sotto.config.json`, in part or whole; a section that is `false` is off.
 * @throws SottoError `invalid_config`, what a key file says, and, where no part could be started, what the first one says.
 *
 * @example
 * ```ts
 * import { createApp, serve } from 'sotto';
 * const app = createApp().on('/echo', (ctx) => ctx.body);
 * const node = await serve(app, {
 *   request: { listen: ['udp://127.0.0.1:0'] },
 *   ...{ lookup: false, broadcaster: false, sessions: false, peers: false, console: false },
 * });
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
  const keys = await keysOf(resolved, extras);
  await makeDataFolder(resolved.data);
  const node = new SottoNode(app, resolved, keys, extras);
  await node.start();
  return node;
}

async function keysOf({ identity: file, revoked }: NodeConfig, extras: ServeExtras): Promise<NodeKeys> {
  const { identity, loadIdentities = null, passphrase } = extras;
  if (identity) return NodeKeys.open({ identity, loadIdentities, revoked });
  const sealed = passphrase === undefined ? {} : { passphrase };
  return NodeKeys.open({
    identity: await loadOrMakeIdentities(file, sealed),
    loadIdentities: () => IdentityRing.load(file, sealed),
    revoked,
  });
}

class SottoNode implements Node {
  readonly #keys: NodeKeys;
  readonly startedAt: number = Date.now();
  readonly traffic: Traffic = new Traffic();
  readonly log: LogTail;
  readonly #extras: ServeExtras;
  readonly #front: Front;
  readonly #parts: Parts;
  readonly #events: Events<NodeEvent>;
  #config: NodeConfig;
  #isUp = false;
  /** What has been said of parts that failed. */
  readonly #failures = new Map<PartName, string>();
  /** Reloads take their turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | null = null;

  constructor(app: App, config: NodeConfig, keys: NodeKeys, extras: ServeExtras) {
    const { reusePort = false, startWorkers = null, passphrase = null } = extras;
    const { configFile = CONFIG_FILE, consolePage = null } = extras;
    const log = new LogTail(extras.log ?? SILENT);
    this.#keys = keys;
    this.log = log;
    this.#extras = extras;
    this.#config = config;
    this.#events = new Events(log);
    this.#front = new Front(app, accessOf(config.access), log);
    this.#parts = new Parts({
      ...{
        node: this,
        front: this.#front,
        traffic: this.traffic,
        app: this.traffic.watch(this.#front),
        keys,
        log,
        reusePort,
        startWorkers,
      },
      ...{ configFile, consolePage, passphrase },
      onStatus: (status) => {
        if (this.#isUp) this.#sayFailure(status);
        this.#events.emit({ type: 'part', status });
      },
    });
  }

  get identity(): Identity {
    return this.#keys.identities.current;
  }

  get publicKey(): PublicKey {
    return this.identity.publicKey;
  }

  get config(): NodeConfig {
    return this.#config;
  }

  get addresses(): readonly string[] {
    return this.parts.flatMap(({ addresses }) => addresses);
  }

  get parts(): readonly PartStatus[] {
    return this.#parts.status;
  }

  get running(): RunningParts {
    return this.#parts.running;
  }

  get routes(): readonly string[] {
    return this.#front.app.routes;
  }

  take(taker: Taker, place?: TakerPlace): () => void {
    return this.#front.take(taker, place);
  }

  on<Type extends NodeEvent['type']>(
    type: Type,
    listener: (event: Extract<NodeEvent, { type: Type }>) => void,
  ): () => void {
    return this.#events.on(type, listener);
  }

  /** @throws what the first part said, where none could be started. */
  async start(): Promise<void> {
    const failure = await this.#parts.start(this.#config);
    this.#isUp = failure === null || this.parts.some(({ state }) => state === 'up');
    if (this.#isUp) return this.parts.forEach((status) => void this.#sayFailure(status));
    await this.close();
    throw failure;
  }

  reload(config?: PartialNodeConfig): Promise<ReloadReport> {
    const done = this.#turn.then(() =>
      this.#reload(config === undefined ? this.#config : parseConfig(config, 'The config')),
    );
    this.#turn = done.catch(() => {});
    return done;
  }

  close(): Promise<void> {
    this.#closed ??= this.#turn.then(() => this.#parts.stop());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Once, though it may be tried for hours. */
  #sayFailure({ name: part, state, why }: PartStatus): void {
    if (state === 'up') this.#failures.delete(part);
    if (state !== 'failed' || this.#failures.get(part) === why) return;
    this.#failures.set(part, why);
    this.log.error({ part, why }, 'a part of the node could not be started');
  }

  async #reload(config: NodeConfig): Promise<ReloadReport> {
    if (this.#closed) throw new SottoError('closed', 'The node is closing.');
    const places = ({ data, identity, revoked }: NodeConfig): string => `${data} ${identity} ${revoked}`;
    if (places(config) !== places(this.#config)) {
      const text =
        'data, identity and revoked cannot change while the node runs; stop it, and start it again.';
      throw new SottoError('invalid_config', text);
    }
    const access = accessOf(config.access);
    const app = (await this.#extras.loadApp?.(config, this)) ?? this.#front.app;
    const news = { keys: await this.#keys.refresh(), app: app !== this.#front.app };
    [this.#front.app, this.#front.access] = [app, access];
    const { report, inForce } = await this.#parts.change(this.#config, config, news);
    this.#config = inForce;
    this.#events.emit({ type: 'reload', report });
    return report;
  }
}
