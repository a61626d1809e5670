/** What is wrong with this machine alone. */

import { type Case, isCut, lanInterfaces } from './case.ts';
import { type Finding, finding } from './finding.ts';
import { openHere } from './fixes.ts';
import type { MachineInterface } from './observations.ts';

export function rulesHere(each: Case): Finding[] {
  return [...networkRules(each), ...portRules(each), ...multicastRules(each)];
}

function networkRules(each: Case): Finding[] {
  const { seen, machine } = each;
  const unused = lanInterfaces(machine).filter((lan) => !lan.isUp || lan.hasCarrier === false);
  const isLost = seen.other?.knock.kind === 'unreachable' && machine.path?.onLink === null;
  if (isCut(each) && unused.length === 0) {
    return [
      finding({
        code: 'no_network',
        where: 'here',
        what: 'This machine has no network with an address.',
        fix: { step: 'Connect it to the network of the others.', commands: [] },
      }),
    ];
  }
  // Many a machine has one that nobody uses.
  return isCut(each) || isLost ? unused.map(downFinding) : [];
}

function downFinding({ name, isUp }: MachineInterface): Finding {
  return finding({
    code: 'interface_down',
    where: 'here',
    what: isUp
      ? `The interface ${name} of this machine is up and connected to nothing.`
      : `The interface ${name} of this machine is down.`,
    fix: isUp
      ? { step: `Plug in the cable of ${name}, or join its radio to a network.`, commands: [] }
      : { step: 'Bring it up.', commands: [`sudo ip link set ${name} up`] },
  });
}

function portRules({ seen, machine }: Case): Finding[] {
  const { udp, own } = seen;
  if (udp.kind === 'failed') {
    return [
      finding({
        code: 'no_network',
        where: 'here',
        what: `This machine cannot listen to the group: ${udp.why}`,
        fix: { step: 'See to what the system says there.', commands: [] },
      }),
    ];
  }
  if (udp.kind === 'open') return [];
  const [holder = 'A program'] = machine.udpHolders;
  const pid = /\(pid (\d+)\)/.exec(holder)?.[1];
  return [
    finding({
      code: 'udp_port_taken',
      where: 'here',
      what: `${holder} has UDP port ${own.udpPort} of this machine for itself and does not share it.`,
      fix: {
        step: 'Stop that program, or give all your nodes another port with --udp-port.',
        commands: pid === undefined ? [`sudo ss -lunp 'sport = :${own.udpPort}'`] : [`kill ${pid}`],
      },
    }),
  ];
}

/** By what comes back of our own multicast; where another machine was asked, its word counts for more. */
function multicastRules(each: Case): Finding[] {
  const { hearsSelf, multicastHere, multicastThere, facing } = each.ways;
  if (hearsSelf !== false || (multicastHere && multicastThere)) return [];
  const deaf = each.machine.interfaces.filter(
    ({ name, hasMulticast }) => hasMulticast === false && facing.some((by) => by.name === name),
  );
  return deaf.length > 0 ? deaf.map(noMulticast) : closedWays(each).map((way) => closed(each, way));
}

type ClosedWay = 'in' | 'out' | 'unknown';

function closedWays({ ways }: Case): ClosedWay[] {
  const { multicastHere, multicastThere } = ways;
  const isRefused = refusalOf(ways) !== null;
  if (multicastThere === null && !isRefused) return ['unknown'];
  // What is refused on its way out cannot come back in, so that says nothing of the way in.
  const isIn = multicastHere === false && (!isRefused || multicastThere === true);
  return [...(multicastThere ? [] : (['out'] as const)), ...(isIn ? (['in'] as const) : [])];
}

/** What the system says against sending; null for nothing. */
function refusalOf({ facing }: Case['ways']): string | null {
  return facing.find(({ error }) => error !== null)?.error ?? null;
}

function closed({ seen, machine, ways }: Case, way: ClosedWay): Finding {
  const names = [...new Set(ways.facing.map(({ name }) => name))].join(', ');
  const port = seen.own.udpPort;
  const refusal = refusalOf(ways);
  const fix = openHere(machine, [{ protocol: 'udp', port, way: way === 'out' ? 'out' : 'in' }]);
  switch (way) {
    case 'in': {
      const what = `What comes to UDP port ${port} of this machine by ${names} is dropped by a firewall here.`;
      return finding({ code: 'udp_in_blocked_here', where: 'here', what, fix });
    }
    case 'out': {
      const what =
        refusal === null
          ? `What this machine multicasts by ${names} to UDP port ${port} does not leave it: a firewall here drops it.`
          : `This machine's own firewall refuses what it multicasts by ${names} to UDP port ${port} (${refusal}).`;
      return finding({ code: 'udp_out_blocked_here', where: 'here', what, fix });
    }
    case 'unknown': {
      const what = `This machine does not hear its own multicast by ${names} at UDP port ${port}: a firewall here drops it.`;
      return finding({ code: 'udp_blocked_here', where: 'here', sure: 'likely', what, fix });
    }
  }
}

function noMulticast({ name }: MachineInterface): Finding {
  return finding({
    code: 'interface_no_multicast',
    where: 'here',
    sure: 'likely',
    what: `Multicast is turned off at the interface ${name} of this machine.`,
    fix: { step: 'Turn it on.', commands: [`sudo ip link set ${name} multicast on`] },
  });
}
