/** What joins a host to a LAN in a network of namespaces, and what can befall it. */

import { command, hasTool, requireTool } from './namespaces.ts';

/** The namespaces of host and switch, and what the two ends are called there. */
export interface LinkEnds {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly lan: string;
  readonly hub: string;
  readonly port: string;
}

/** An interface of a host, the cable, and the port of the switch. */
export class Link {
  readonly name: string;
  readonly address: string;
  readonly #ends: LinkEnds;

  constructor(ends: LinkEnds) {
    this.#ends = ends;
    this.name = ends.name;
    this.address = ends.address;
  }

  /** From now on nothing gets through, and neither end can tell: the switch forgets the port. */
  async cut(): Promise<void> {
    await this.#atHub('nomaster');
  }

  async heal(): Promise<void> {
    await this.#atHub('master', this.#ends.lan);
  }

  /** Whether the switch passes multicast on to this host. */
  async setMulticast(isOn: boolean): Promise<void> {
    await this.#bridge('mcast_flood', isOn);
  }

  /** Whether the switch keeps this host from all others that are so too, as access points do. */
  async setIsolated(isOn: boolean): Promise<void> {
    await this.#bridge('isolated', isOn);
  }

  /** Pulls the cable out, which the host notices, or puts it in again. */
  async setPlugged(isPlugged: boolean): Promise<void> {
    await this.#atHub(isPlugged ? 'up' : 'down');
  }

  /** What an administrator of the host does. */
  async setUp(isUp: boolean): Promise<void> {
    await this.#atHost('link', 'set', this.name, isUp ? 'up' : 'down');
  }

  /** Bytes; below 1280 IPv6 ends. Only the host's end: a longer frame is never made, and yet received. */
  async setMtu(mtu: number): Promise<void> {
    await this.#atHost('link', 'set', this.name, 'mtu', String(mtu));
  }

  /** Takes the interface out of the host. */
  async remove(): Promise<void> {
    await this.#atHost('link', 'delete', this.name);
  }

  /**
   * A bad line, the same both ways, in place of what was set before.
   *
   * @param line loss in percent, delay in ms for each way; delay needs netem in the kernel.
   */
  async netem({ loss = 0, delay = 0 }: { loss?: number; delay?: number }): Promise<void> {
    const { namespace, name, hub, port } = this.#ends;
    const rule = ['root', 'netem', 'loss', `${loss}%`, 'delay', `${delay}ms`];
    if (await netemAvailable(this.#ends)) {
      await command('tc', '-n', namespace, 'qdisc', 'replace', 'dev', name, ...rule);
      await command('tc', '-n', hub, 'qdisc', 'replace', 'dev', port, ...rule);
    } else if (delay > 0) throw new Error('a delay needs the kernel module sch_netem, which is not here');
    else await this.#lose(loss);
  }

  /** Loss without netem: the switch forgets frames. A firewall at the host would let senders see it. */
  async #lose(percent: number): Promise<void> {
    requireTool('nft', 'nftables');
    const { hub, port } = this.#ends;
    const table = `bridge sotto_${port}`;
    const drop = `numgen random mod 100 < ${Math.round(percent)} drop`;
    const text = [
      ...[`add table ${table}`, `delete table ${table}`, `add table ${table}`],
      `add chain ${table} loss { type filter hook forward priority 0; }`,
      ...['iifname', 'oifname'].map((way) => `add rule ${table} loss ${way} ${port} ${drop}`),
    ];
    await command('ip', 'netns', 'exec', hub, 'nft', text.join('; '));
  }

  async #bridge(flag: string, isOn: boolean): Promise<void> {
    const { hub, port } = this.#ends;
    await command('bridge', '-n', hub, 'link', 'set', 'dev', port, flag, isOn ? 'on' : 'off');
  }

  async #atHub(...change: readonly string[]): Promise<void> {
    await command('ip', '-n', this.#ends.hub, 'link', 'set', this.#ends.port, ...change);
  }

  async #atHost(...args: readonly string[]): Promise<void> {
    await command('ip', '-n', this.#ends.namespace, ...args);
  }
}

async function netemAvailable({ hub, port }: LinkEnds): Promise<boolean> {
  if (!hasTool('tc')) return false;
  const probe = ['qdisc', 'replace', 'dev', port, 'root', 'netem', 'delay', '0ms'];
  return command('tc', '-n', hub, ...probe).then(
    () => true,
    () => false,
  );
}
