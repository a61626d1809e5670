/** The addresses of the config: free for the node, or held by it and answered. */

import { check } from '../../peers/doctor/finding.ts';
import { openHere } from '../../peers/doctor/fixes.ts';
import type { MachineFacts } from '../../peers/doctor/observations.ts';
import { examined, fault, fixBy, type NodeDiagnosis, type NodeFinding, together } from './node-finding.ts';

export interface RoadFacts {
  /** As the config has it. */
  readonly url: string;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly bind: BindOutcome;
  /** Programs that have the port, as in `node (pid 77)`; empty where the system does not tell. */
  readonly holders: readonly string[];
  /** `own`: by this node's key. Null where nobody could be asked. */
  readonly answer: 'own' | 'none' | null;
}

export type BindOutcome = 'free' | 'taken' | 'denied' | 'no-address' | { readonly failed: string };

type Machine = Pick<MachineFacts, 'firewall' | 'chains'>;

/** @param isExpected whether the node should be running. */
export function judgeRoads(
  roads: readonly RoadFacts[],
  machine: Machine,
  isExpected: boolean,
): NodeDiagnosis {
  const isRunning = roads.some(({ bind, answer }) => bind === 'taken' && answer !== 'none');
  const known = roads.map((road) => ({ ...road, answer: byHolder(road, roads) }));
  const taken = known.filter(({ bind, answer }) => bind === 'taken' && answer === 'none');
  const holders = new Set(taken.map(({ holders: [holder] }) => holder));
  const judged = together([
    ...known.map((road) => judgeRoad(road, isRunning)),
    ...[...holders].map((holder) => {
      const own = taken.filter((road) => road.holders[0] === holder);
      return { checks: [], findings: [takenFinding(holder, own, machine)] };
    }),
  ]);
  if (!isExpected || isRunning || judged.findings.length > 0) return judged;
  const fix = fixBy('Start it.', 'sudo systemctl start sotto', 'sotto up');
  return together([judged, { checks: [], findings: [fault('not_running', 'The node does not run.', fix)] }]);
}

/** Of a road where nobody can be asked, the program that has the port tells: it answers elsewhere, or is none of ours. */
function byHolder(
  { bind, answer, holders: [holder] }: RoadFacts,
  roads: readonly RoadFacts[],
): RoadFacts['answer'] {
  if (answer !== null || bind !== 'taken' || holder === undefined) return answer;
  if (!holder.startsWith('node ')) return 'none';
  const isOwn = roads.some((other) => other.answer === 'own' && other.holders[0] === holder);
  return isOwn ? 'own' : null;
}

function judgeRoad(road: RoadFacts, isRunning: boolean): NodeDiagnosis {
  const { url, protocol, port, bind, holders, answer } = road;
  if (answer === 'own') return examined(check(url, true, `this node${by(holders)}`));
  if (bind === 'taken') return takenLine(road);
  if (bind === 'free') return judgeFree(url, isRunning);
  if (bind === 'denied') {
    const what = `Port ${port} of ${url} is for privileged programs: this user may not listen at it.`;
    const fix = fixBy(
      'Take a port above 1023; or let every program have it; or give the service CAP_NET_BIND_SERVICE.',
      `sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
    );
    return examined(check(url, false, 'not allowed'), fault('port_privileged', what, fix));
  }
  if (bind === 'no-address') {
    const what = `No interface of this machine has the address of ${url}.`;
    const fix = fixBy(
      `Write one that it has, or ${protocol}://0.0.0.0:${port} for all.`,
      'ip -brief address',
    );
    return examined(check(url, false, 'no such address here'), fault('address_missing', what, fix));
  }
  const what = `${url} cannot be listened at: ${bind.failed}`;
  const fix = fixBy('See to what the system says there.', 'ip -brief address');
  return examined(check(url, false, 'cannot be had'), fault('listen_failed', what, fix));
}

function judgeFree(url: string, isRunning: boolean): NodeDiagnosis {
  if (!isRunning) return examined(check(url, true, 'free: no node runs here now'));
  const what = `The node runs, and does not listen at ${url}: that part could not be started, or the config was changed since.`;
  const fix = fixBy('Its log says which; start it anew.', 'sudo systemctl restart sotto');
  return examined(check(url, false, 'free'), fault('not_listening', what, fix));
}

function takenLine({ url, holders, answer }: RoadFacts): NodeDiagnosis {
  if (answer === 'none') return examined(check(url, false, `taken${by(holders)}`));
  return examined(check(url, null, `taken${by(holders)}; who that is could not be asked`));
}

/** @param roads all whose port the same program has. */
function takenFinding(
  holder: string | undefined,
  roads: readonly RoadFacts[],
  machine: Machine,
): NodeFinding {
  const urls = roads.map(({ url }) => url).join(', ');
  const pid = /\(pid (\d+)\)/.exec(holder ?? '')?.[1];
  const ports = [...new Set(roads.map(({ port }) => `sport = :${port}`))].join(' or ');
  const look = pid === undefined ? `sudo ss -lntup '${ports}'` : `ps -o pid,user,args ${pid}`;
  if (holder === undefined || !holder.startsWith('node ')) {
    const step = 'Stop that program, or write another port in the config.';
    const fix = fixBy(step, look, ...(pid === undefined ? [] : [`kill ${pid}`]));
    return fault(
      'port_taken',
      `${holder ?? 'Another program'} listens where this node should: ${urls}.`,
      fix,
    );
  }
  const what = `${holder} listens where this node should, and does not answer with this node's key: ${urls}.`;
  const { commands } = openHere(machine, openings(roads));
  const fix = fixBy(
    'See whether it is this node, and start it anew; a firewall may also be in the way.',
    look,
    ...(machine.firewall === null ? [] : commands),
  );
  return fault('no_answer', what, fix);
}

function by([holder]: readonly string[]): string {
  return holder === undefined ? '' : `: ${holder}`;
}

/** What a firewall has to let through for others; a line alone, since whether it does cannot be seen from here. */
export function firewallLine(roads: readonly RoadFacts[], machine: Machine): NodeDiagnosis {
  const open = roads.filter(({ url }) => !/\/\/(127\.|\[::1\]|localhost)/.test(url));
  if (open.length === 0 || machine.firewall === null) return together([]);
  const { commands } = openHere(machine, openings(open));
  const detail = `${machine.firewall} may be in the way of others; it lets them in by: ${commands.join('; ')}`;
  return examined(check('firewall', null, detail));
}

type Opening = Parameters<typeof openHere>[1][number];

function openings(roads: readonly RoadFacts[]): Opening[] {
  const unique = new Map(roads.map(({ protocol, port }) => [`${protocol} ${port}`, { protocol, port }]));
  return [...unique.values()].map((each) => ({ ...each, way: 'in' }));
}
