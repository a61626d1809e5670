/** Multicast between two machines that reach each other: where it is lost, judged by what each hears of itself and of the other. */

import { type Case, isSameGroup } from './case.ts';
import { type Finding, type FindingCode, finding } from './finding.ts';
import { openThere } from './fixes.ts';
import { isClockWrong } from './rules-meaning.ts';

export function rulesBetween(each: Case): Finding[] {
  const { seen, machine, ways } = each;
  const { multicastHere, multicastThere, hearsSelf, theyHearThemselves } = ways;
  const isAsked = multicastHere !== null && multicastThere !== null;
  if (!isAsked || (multicastHere && multicastThere) || !isExpected(each)) return [];
  const host = seen.other?.host ?? '';
  if (machine.path?.onLink === null) return []; // no multicast passes a router
  const found: Finding[] = [];
  if (theyHearThemselves === false) {
    if (!multicastThere && hearsSelf !== false) found.push(blockedThere(each, 'udp_in_blocked_there', host));
    if (!multicastHere && (hearsSelf !== false || multicastThere)) {
      found.push(blockedThere(each, 'udp_out_blocked_there', host));
    }
    return found;
  }
  // What this machine itself drops has been told already.
  if (hearsSelf === false) return [];
  return [lostBetween(each, host)];
}

/** Between two groups nothing is expected, and by what is sealed nothing is told to strangers or at another time. */
function isExpected({ seen }: Case): boolean {
  const isSealed = seen.own.isHidden;
  return isSameGroup(seen) && !(isSealed && isClockWrong(seen));
}

function blockedThere(
  { seen }: Case,
  code: Extract<FindingCode, 'udp_in_blocked_there' | 'udp_out_blocked_there'>,
  host: string,
): Finding {
  const { udpPort } = seen.own;
  const way = code === 'udp_in_blocked_there' ? 'in' : 'out';
  return finding({
    code,
    where: 'there',
    what:
      way === 'in'
        ? `${host} hears neither this machine's multicast nor its own at UDP port ${udpPort}: its firewall drops what comes in.`
        : `What ${host} multicasts to UDP port ${udpPort} does not even come back to itself: its firewall drops what goes out.`,
    fix: openThere(host, [{ protocol: 'udp', port: udpPort, way }]),
  });
}

function lostBetween({ seen, ways }: Case, host: string): Finding {
  const { multicastHere, multicastThere } = ways;
  const lost = [
    ...(multicastThere ? [] : [{ way: `to ${host}`, isUnicastHeard: ways.unicastThere }]),
    ...(multicastHere ? [] : [{ way: `from ${host}`, isUnicastHeard: ways.unicastHere }]),
  ];
  const direction = lost.map(({ way }) => way).join(' and ');
  if (lost.every(({ isUnicastHeard }) => isUnicastHeard)) {
    return finding({
      code: 'multicast_lost_between',
      where: 'between',
      what:
        `Multicast ${direction} is lost on the way, where unicast gets through: a switch with IGMP snooping and no ` +
        'querier, an access point that keeps multicast from its clients, or a VPN.',
      fix: {
        step:
          'In the switch turn off IGMP snooping, or on its querier; in the access point turn off client isolation and ' +
          `multicast filtering. Until then name the other on both machines: --peer ${host} here.`,
        commands: [`sotto peers --peer ${host}`],
      },
    });
  }
  return finding({
    code: 'udp_lost_between',
    where: 'between',
    sure: 'likely',
    what: `UDP port ${seen.own.udpPort} does not get through ${direction}, neither by multicast nor by unicast, though both machines hear themselves.`,
    fix: openThere('the receiving machine, and on firewalls on the way,', [
      { protocol: 'udp', port: seen.own.udpPort, way: 'in' },
    ]),
  });
}
