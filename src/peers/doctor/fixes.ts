/** Commands that open a port, for the firewall that a machine has. */

import type { Fix } from './finding.ts';
import type { FirewallTool, MachineFacts } from './observations.ts';

interface Opening {
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly way: 'in' | 'out';
}

type Machine = Pick<MachineFacts, 'firewall' | 'chains'>;

/** What another machine may have. */
const USUAL: readonly FirewallTool[] = ['ufw', 'firewalld', 'windows'];

export function openHere(machine: Machine, openings: readonly Opening[]): Fix {
  const { firewall } = machine;
  const names = openings.map(nameOf).join(' and ');
  const commands = openings.flatMap((each) => commandsOf(firewall, each, machine));
  return {
    step: `On this machine let ${names} through${firewall ? '' : '; this is how with the usual firewalls'}.`,
    commands: commands.length > 0 ? commands : openings.flatMap(usualCommands),
  };
}

export function openThere(host: string, openings: readonly Opening[]): Fix {
  const names = openings.map(nameOf).join(' and ');
  return {
    step: `On ${host} let ${names} through; this is how with the usual firewalls.`,
    commands: openings.flatMap(usualCommands),
  };
}

function nameOf({ protocol, port, way }: Opening): string {
  return `${protocol.toUpperCase()} port ${port} ${way}`;
}

function usualCommands(opening: Opening): string[] {
  return USUAL.flatMap((tool) => commandsOf(tool, opening, { firewall: tool, chains: [] }));
}

function commandsOf(tool: FirewallTool | null, opening: Opening, { chains }: Machine): string[] {
  const { protocol, port, way } = opening;
  switch (tool) {
    case 'ufw':
      return [`sudo ufw allow ${way === 'out' ? 'out ' : ''}${port}/${protocol}`];
    case 'firewalld':
      return way === 'in'
        ? [`sudo firewall-cmd --permanent --add-port=${port}/${protocol} && sudo firewall-cmd --reload`]
        : [];
    case 'nft':
      if (chains.length === 0) return ['sudo nft list ruleset']; // only root may know more
      return chains
        .filter(({ hook }) => hook === (way === 'in' ? 'input' : 'output'))
        .map(
          ({ family, table, name }) =>
            `sudo nft insert rule ${family} ${table} ${name} ${protocol} dport ${port} accept`,
        );
    case 'iptables':
      return [
        `sudo iptables -I ${way === 'in' ? 'INPUT' : 'OUTPUT'} -p ${protocol} --dport ${port} -j ACCEPT`,
      ];
    case 'windows':
      return [
        `netsh advfirewall firewall add rule name="Sotto ${protocol} ${way}" dir=${way} action=allow protocol=${protocol.toUpperCase()} ${way === 'in' ? 'localport' : 'remoteport'}=${port}`,
      ];
    case 'macos':
      return way === 'in'
        ? [
            'sudo /usr/libexec/ApplicationFirewall/socketfilterfw --add "$(which node)" --unblockapp "$(which node)"',
          ]
        : [];
    case null:
      return [];
  }
}
