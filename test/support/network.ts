/**
 * Several hosts on one machine: each a network namespace, joined by bridges that stand in for a LAN's switches.
 *
 * A host's n-th interface is `eth<n>` at 10.77.<LAN>.<host>/24 and, if it has IPv6, fd77:<LAN>::<host>/64. Nothing
 * routes between LANs, nor to the machine itself. All goes with the `Network`, and at the latest with the process.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { Link } from './link.ts';
import {
  addNamespace,
  command,
  ENVIRONMENT,
  networkAvailable,
  removeNamespace,
  requireTool,
} from './namespaces.ts';

/** Set to `required` where a machine without namespaces must fail rather than skip. */
const VARIABLE = 'SOTTO_NETWORK';
/** Where what a host blocks is kept: a chain for each way. */
const CHAINS = ['input', 'output']
  .map((way) => `add chain inet sotto ${way} { type filter hook ${way} priority 0; }`)
  .join('; ');
const TABLE = `add table inet sotto; ${CHAINS}`;

type Child = ChildProcessByStdio<Writable, Readable, null>;

let networks = 0;

/**
 * For the option `skip` of a test.
 *
 * @throws Error where hosts cannot be made and the environment says SOTTO_NETWORK=required.
 */
export function skipWithoutNetwork(): string | false {
  const why = networkAvailable();
  if (why !== null && process.env[VARIABLE] === 'required')
    throw new Error(`no network of several hosts: ${why}`);
  return why ?? false;
}

export class Network implements AsyncDisposable {
  readonly #hub: string;
  readonly #prefix: string;
  readonly #lans = new Map<string, number>();
  readonly #hosts: Host[] = [];

  static async create(): Promise<Network> {
    networks += 1;
    const prefix = `${networks}`;
    return new Network(prefix, await addNamespace(`${prefix}-hub`));
  }

  private constructor(prefix: string, hub: string) {
    this.#prefix = prefix;
    this.#hub = hub;
  }

  /** A host with loopback, and an interface on each of these LANs, which need not exist before. */
  async addHost(...lans: readonly string[]): Promise<Host> {
    const number = this.#hosts.length + 1;
    const namespace = await addNamespace(`${this.#prefix}-host${number}`);
    const host = new Host(namespace, number, (lan, name) => this.#connect(namespace, number, lan, name));
    this.#hosts.push(host);
    // An address is used at once: nobody else can have it.
    await host.run('sh', '-c', 'f=/proc/sys/net/ipv6/conf/default/accept_dad; [ ! -e $f ] || echo 0 > $f');
    await command('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
    for (const lan of lans) await host.addLink(lan);
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host[Symbol.asyncDispose]()));
    await removeNamespace(this.#hub);
  }

  async #connect(namespace: string, host: number, lan: string, name: string): Promise<Link> {
    const number = await this.#lan(lan);
    const port = `h${host}${name}`;
    const veth = ['link', 'add', port, 'type', 'veth', 'peer', 'name', name, 'netns', namespace];
    await command('ip', '-n', this.#hub, ...veth);
    await command('ip', '-n', this.#hub, 'link', 'set', port, 'master', `lan${number}`, 'up');
    const address = `10.77.${number}.${host}`;
    const link = new Link({ namespace, name, address, lan: `lan${number}`, hub: this.#hub, port });
    await command('ip', '-n', namespace, 'address', 'add', `${address}/24`, 'brd', '+', 'dev', name);
    await link.setUp(true);
    const ipv6 = ['address', 'add', `fd77:${number}::${host}/64`, 'dev', name];
    await command('ip', '-n', namespace, ...ipv6).catch(() => {}); // a system without IPv6
    return link;
  }

  /** Without snooping, so that a switch passes multicast on to everybody, as the cheap ones do. */
  async #lan(name: string): Promise<number> {
    const known = this.#lans.get(name);
    if (known !== undefined) return known;
    const number = this.#lans.size + 1;
    this.#lans.set(name, number);
    const bridge = ['link', 'add', `lan${number}`, 'type', 'bridge', 'mcast_snooping', '0'];
    await command('ip', '-n', this.#hub, ...bridge);
    await command('ip', '-n', this.#hub, 'link', 'set', `lan${number}`, 'up');
    return number;
  }
}

/** A machine of its own, as far as the network goes: same files, same processes. */
export class Host implements AsyncDisposable {
  readonly namespace: string;
  /** In the order they were added; those that were removed too. */
  readonly links: Link[] = [];
  readonly #number: number;
  readonly #connect: (lan: string, name: string) => Promise<Link>;
  readonly #children = new Set<Child>();

  constructor(namespace: string, number: number, connect: (lan: string, name: string) => Promise<Link>) {
    this.namespace = namespace;
    this.#number = number;
    this.#connect = connect;
  }

  /** Its interface on the LAN it was first joined to. */
  get link(): Link {
    const [first] = this.links;
    if (!first) throw new Error(`host ${this.#number} is on no LAN`);
    return first;
  }

  /** @param name default `eth` and the next number. */
  async addLink(lan: string, name: string = `eth${this.links.length}`): Promise<Link> {
    const link = await this.#connect(lan, name);
    this.links.push(link);
    return link;
  }

  /** Runs a command there; what it printed. @throws Error with what it said. */
  run(name: string, ...args: readonly string[]): Promise<string> {
    return command('ip', 'netns', 'exec', this.namespace, name, ...args);
  }

  /** Starts Node there, with pipes for input and output; ended with the host at the latest. */
  spawn(script: string, ...args: readonly string[]): Child {
    const inside = ['netns', 'exec', this.namespace, process.execPath, script, ...args];
    const child = spawn('ip', inside, { stdio: ['pipe', 'pipe', 'inherit'], env: ENVIRONMENT });
    this.#children.add(child);
    child.on('exit', () => this.#children.delete(child));
    return child;
  }

  /** A firewall that drops what comes in, or goes out. Undone by `unblock`, all of it. */
  async block(protocol: 'udp' | 'tcp', port?: number, way: 'input' | 'output' = 'input'): Promise<void> {
    requireTool('nft', 'nftables');
    await this.run('nft', TABLE);
    const which = port === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${port}`;
    await this.run('nft', `add rule inet sotto ${way} ${which} drop`);
  }

  async unblock(): Promise<void> {
    await this.run('nft', `${TABLE}; flush chain inet sotto input; flush chain inet sotto output`);
  }

  async setIpv6(isOn: boolean): Promise<void> {
    const value = isOn ? '0' : '1';
    await this.run('sh', '-c', `echo ${value} > /proc/sys/net/ipv6/conf/all/disable_ipv6`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#children].map((child) => {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        return ended;
      }),
    );
    await removeNamespace(this.namespace);
  }
}
