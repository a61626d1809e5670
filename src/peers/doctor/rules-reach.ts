/** Whether the other can be reached by unicast, and can reach back. */

import { answerOf, type Case, isCut } from './case.ts';
import { type Finding, finding } from './finding.ts';
import { openHere, openThere } from './fixes.ts';
import type { OtherFacts } from './observations.ts';

export function rulesOfReach(each: Case): Finding[] {
  const { other } = each.seen;
  if (!other) return [];
  if (each.machine.path?.isSelf) return [thisMachine(other)];
  const routes = routeRules(each, other);
  const isExplained = routes.some(({ code }) => code === 'vpn_route') || isCut(each);
  return [...routes, ...(isExplained ? [] : knockRules(each, other)), ...backRules(each, other)];
}

function thisMachine({ host }: OtherFacts): Finding {
  return finding({
    code: 'this_machine',
    severity: 'note',
    where: 'here',
    what: `${host} is this machine itself, so this says nothing about others.`,
    fix: { step: 'Name another machine.', commands: [] },
  });
}

function routeRules({ machine, seen }: Case, { host, knock }: OtherFacts): Finding[] {
  const { path } = machine;
  if (!path || path.by === null) return [];
  const isReached = isThere(knock.kind);
  if (path.onLink !== null && path.by !== path.onLink) {
    return [
      finding({
        code: 'vpn_route',
        severity: isReached ? 'note' : 'fault',
        where: 'here',
        what: `${host} is a neighbour by ${path.onLink}, but this machine sends to it by ${path.by}, as a VPN makes it do.`,
        fix: {
          step: 'Let the VPN leave the local network alone (often called "allow LAN access"), or end it.',
          commands: [`ip route get ${host}`],
        },
      }),
    ];
  }
  if (path.onLink !== null) return [];
  const isNamed = seen.own.staticPeers.some((text) => text === host || text.startsWith(`${host}:`));
  return [
    finding({
      code: 'other_subnet',
      severity: isNamed ? 'note' : 'fault',
      where: 'between',
      what: `${host} is in none of this machine's networks: multicast does not pass the router between them.`,
      fix: {
        step: `Name the other on both machines: --peer ${host} here, and --peer with this machine's address there.`,
        commands: [`sotto peers --peer ${host}`],
      },
    }),
  ];
}

function isThere(kind: OtherFacts['knock']['kind']): boolean {
  return kind === 'greeted' || kind === 'sealed' || kind === 'mute';
}

function knockRules(each: Case, other: OtherFacts): Finding[] {
  const { knock } = other;
  switch (knock.kind) {
    case 'greeted':
    case 'sealed':
      return [];
    case 'mute':
      return [isOriginal(each, other) ? original(other) : notSotto(other)];
    case 'refused':
      return [isOriginal(each, other) ? original(other) : refused(other)];
    case 'silent':
      return [silent(each, other)];
    case 'unreachable':
      return [unreachable(each, other, knock.why)];
  }
}

function isOriginal({ seen }: Case, { host }: OtherFacts): boolean {
  return seen.around.some((each) => each.host === host && each.id === null);
}

function isHeard({ seen }: Case, { host }: OtherFacts): boolean {
  return seen.around.some((each) => each.host === host);
}

function original({ host }: OtherFacts): Finding {
  return finding({
    code: 'original',
    where: 'there',
    what: `${host} runs an original of STP, which proves and seals nothing.`,
    fix: { step: 'Speak with it plainly, if you must.', commands: ['sotto peers --legacy'] },
  });
}

function notSotto({ host, tcpPort }: OtherFacts): Finding {
  return finding({
    code: 'not_sotto',
    where: 'there',
    sure: 'likely',
    what: `Something takes connections at TCP port ${tcpPort} of ${host} and has nothing to say: it is no Sotto node, or one that is busy.`,
    fix: {
      step: `Look on ${host} which port its node has, and ask again with that: sotto doctor peers ${host}:PORT`,
      commands: [`sudo ss -ltnp 'sport = :${tcpPort}'`],
    },
  });
}

function refused({ host, tcpPort }: OtherFacts): Finding {
  return finding({
    code: 'tcp_refused',
    where: 'there',
    what: `${host} is there, and nobody listens at its TCP port ${tcpPort}: no node runs, or it has another port.`,
    fix: { step: `Start a node on ${host}, or name its port: HOST:PORT.`, commands: ['sotto inbox'] },
  });
}

function silent(each: Case, other: OtherFacts): Finding {
  const { host, tcpPort } = other;
  if (each.machine.path?.neighbour === 'absent' && !isHeard(each, other)) return absent(other);
  const isSure = isHeard(each, other) || each.machine.path?.neighbour === 'there';
  const doubt = isSure ? '' : ' Or it is switched off, or no route leads there and back.';
  return finding({
    code: 'tcp_blocked_there',
    where: 'there',
    sure: isSure ? 'certain' : 'likely',
    what: `TCP port ${tcpPort} of ${host} does not answer at all: a firewall drops what comes to it.${doubt}`,
    fix: openThere(host, [{ protocol: 'tcp', port: tcpPort, way: 'in' }]),
  });
}

function unreachable(each: Case, other: OtherFacts, why: string): Finding {
  const { host, tcpPort } = other;
  const { path } = each.machine;
  if (why === 'EPERM' || why === 'EACCES') {
    return finding({
      code: 'tcp_out_blocked_here',
      where: 'here',
      what: `This machine's own firewall refuses connections to TCP port ${tcpPort} (${why}).`,
      fix: openHere(each.machine, [{ protocol: 'tcp', port: tcpPort, way: 'out' }]),
    });
  }
  if (path?.neighbour === 'there' || isHeard(each, other)) {
    return finding({
      code: 'tcp_blocked_there',
      where: 'there',
      what: `${host} is there, and its firewall refuses TCP port ${tcpPort} (${why}).`,
      fix: openThere(host, [{ protocol: 'tcp', port: tcpPort, way: 'in' }]),
    });
  }
  if (path?.onLink) return absent(other);
  return finding({
    code: 'no_route',
    where: 'here',
    what: `This machine knows no way to ${host} (${why}).`,
    fix: { step: 'Connect it to that network, or to a router that leads there.', commands: ['ip route'] },
  });
}

function absent({ host }: OtherFacts): Finding {
  return finding({
    code: 'host_absent',
    where: 'between',
    what:
      `Nobody on this network answers for ${host}: it is off, has another address, or the access point or switch ` +
      'keeps its clients apart (client isolation).',
    fix: {
      step: 'Compare the address on the other machine; then turn off client or port isolation, or leave the guest network.',
      commands: ['ip -brief address'],
    },
  });
}

function backRules({ machine, seen }: Case, other: OtherFacts): Finding[] {
  const tcpBack = answerOf(other)?.tcpBack ?? 'untried';
  const { tcpPort } = seen.own;
  if (tcpBack === 'reached' || tcpBack === 'untried') return [];
  const how = { silent: 'gets no answer', refused: 'is refused', unreachable: 'finds no way' }[tcpBack];
  return [
    finding({
      code: 'tcp_blocked_back',
      where: 'here',
      sure: tcpBack === 'silent' ? 'certain' : 'likely',
      what: `${other.host} ${how} where it connects to TCP port ${tcpPort} of this machine: a firewall here does not let it in.`,
      fix: openHere(machine, [{ protocol: 'tcp', port: tcpPort, way: 'in' }]),
    }),
  ];
}
