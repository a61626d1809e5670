/** What keeps two machines apart that reach each other: other groups, secrets, keys and clocks. */

import { GROUP_WINDOW } from '../own-frames.ts';
import { answerOf, type Case, isSameGroup } from './case.ts';
import { type Finding, finding } from './finding.ts';
import type { Neighbour, Observations, OtherFacts } from './observations.ts';

export function rulesOfMeaning(each: Case): Finding[] {
  const { seen, machine } = each;
  const { other } = seen;
  if (!other) return twinsAround(each);
  if (machine.path?.isSelf) return [];
  return [
    ...groupRules(each, other),
    ...secretRules(each, other),
    ...keyRules(each, other),
    ...clockRules(each, other),
    ...answerRules(other),
  ];
}

/** Sealed frames of the group are then old, or yet to come. */
export function isClockWrong({ other }: Observations): boolean {
  const ahead = other?.clockAhead ?? null;
  return ahead !== null && Math.abs(ahead) > GROUP_WINDOW;
}

function groupRules({ seen, ways }: Case, other: OtherFacts): Finding[] {
  const { own, around } = seen;
  const answer = answerOf(other);
  const { host } = other;
  // IPv6 has a group of its own, the same for all.
  const severity = ways.multicastHere && ways.multicastThere ? 'note' : 'fault';
  if (!answer) {
    const isElsewhere = around.some((each) => each.host === host && each.isElsewhere);
    return isElsewhere ? [elsewhere(host)] : [];
  }
  const found: Finding[] = [];
  if (answer.group !== own.group) {
    found.push(
      finding({
        code: 'other_group',
        severity,
        where: 'between',
        what: `${host} is in the group ${answer.group}, this machine in ${own.group}: they hear each other not.`,
        fix: { step: 'Take one group on both.', commands: [`sotto peers --group ${answer.group}`] },
      }),
    );
  }
  if (answer.udpPort !== own.udpPort) {
    found.push(
      finding({
        code: 'other_udp_port',
        severity,
        where: 'between',
        what: `${host} listens to its group at UDP port ${answer.udpPort}, this machine at ${own.udpPort}: they hear each other not.`,
        fix: { step: 'Take one port on both.', commands: [`sotto peers --udp-port ${answer.udpPort}`] },
      }),
    );
  }
  return found;
}

function elsewhere(host: string): Finding {
  return finding({
    code: 'other_group',
    where: 'between',
    sure: 'likely',
    what: `${host} was heard in another group, or at another UDP port, than this machine's.`,
    fix: { step: 'Take one --group and one --udp-port on both.', commands: [] },
  });
}

function secretRules({ seen }: Case, other: OtherFacts): Finding[] {
  const { own } = seen;
  const { host, knock } = other;
  if (knock.kind === 'sealed') return [own.hasSecret ? otherSecret(host) : hidden(host)];
  const answer = answerOf(other);
  if (!answer || answer.secret === 'same' || !isSameGroup(seen)) return [];
  if (own.hasSecret) return [answer.secret === 'none' ? noSecret(host) : otherSecret(host)];
  return answer.secret === 'none' ? [] : [secretThere(host)];
}

const SAME_SECRET = {
  step: 'Give both the same file with --group-secret, and the same --group and --udp-port: the key is made of all three.',
  commands: ['sha256sum SECRET-FILE'],
};

function otherSecret(host: string): Finding {
  return finding({
    code: 'other_secret',
    where: 'between',
    what: `${host} has another group secret than this machine: neither can read what the other tells the group.`,
    fix: SAME_SECRET,
  });
}

function noSecret(host: string): Finding {
  return finding({
    code: 'other_secret',
    where: 'there',
    what: `${host} has no group secret and this machine has one: neither takes what the other tells everybody.`,
    fix: SAME_SECRET,
  });
}

function secretThere(host: string): Finding {
  return finding({
    code: 'other_secret',
    severity: 'note',
    where: 'here',
    what: `${host} has a group secret and this doctor was given none: if your node has none either, it cannot read what ${host} tells its group.`,
    fix: SAME_SECRET,
  });
}

function hidden(host: string): Finding {
  return finding({
    code: 'hidden',
    where: 'there',
    what: `${host} is hidden: it shows itself to those alone who have its group's secret.`,
    fix: { step: 'Get the secret from its owner.', commands: ['sotto peers --group-secret SECRET-FILE'] },
  });
}

function keyRules({ seen }: Case, { host, knock, asked, isBlockedHere }: OtherFacts): Finding[] {
  const found: Finding[] = [];
  if (knock.kind === 'greeted' && knock.id === seen.own.id) found.push(twin(host));
  if (asked.kind === 'blocked') {
    found.push(
      finding({
        code: 'blocked_there',
        where: 'there',
        what: `${host} has blocked this machine's key, and answers nothing.`,
        fix: {
          step: `Let the owner of ${host} take that back.`,
          commands: [`sotto peers unblock ${seen.own.id?.slice(0, 12) ?? 'ID'}`],
        },
      }),
    );
  }
  if (isBlockedHere) {
    const id = knock.kind === 'greeted' ? knock.id.slice(0, 12) : 'ID';
    found.push(
      finding({
        code: 'blocked_here',
        where: 'here',
        what: `The key of ${host} is blocked on this machine: nothing of it is heard.`,
        fix: { step: 'Take that back, if you trust it again.', commands: [`sotto peers unblock ${id}`] },
      }),
    );
  }
  return found;
}

function twin(host: string): Finding {
  return finding({
    code: 'same_identity',
    where: 'between',
    what: `${host} has the same identity as this machine, as of a folder that was copied: each takes the other for itself and ignores it.`,
    fix: {
      step: 'On one of the two put its identity away; the next start makes a new one.',
      commands: ['mv .sotto/identity.key .sotto/identity.key.copy'],
    },
  });
}

function twinsAround({ seen, machine }: Case): Finding[] {
  const own = new Set(machine.interfaces.flatMap(({ addresses }) => addresses));
  const isTwin = ({ id, host }: Neighbour): boolean =>
    id !== null && id === seen.own.id && !own.has(host.split('%')[0] ?? host);
  return [...new Set(seen.around.filter(isTwin).map(({ host }) => host))].map(twin);
}

function clockRules({ seen }: Case, other: OtherFacts): Finding[] {
  const { clockAhead, host } = other;
  if (clockAhead === null || !isClockWrong(seen)) return [];
  const usesSecret = seen.own.hasSecret || answerOf(other)?.secret !== 'none';
  const seconds = Math.round(Math.abs(clockAhead) / 1000);
  return [
    finding({
      code: 'clock',
      severity: usesSecret ? 'fault' : 'note',
      where: 'between',
      what:
        `The clock of ${host} is ${seconds} s ${clockAhead > 0 ? 'ahead of' : 'behind'} this machine's: what a group seals is ` +
        `good for ${GROUP_WINDOW / 1000} s, so that neither ${usesSecret ? 'reads' : 'would read'} the other's broadcasts.`,
      fix: { step: 'Set the clock of the one that is wrong.', commands: ['sudo timedatectl set-ntp true'] },
    }),
  ];
}

function answerRules({ host, asked }: OtherFacts): Finding[] {
  if (asked.kind !== 'no-route' && asked.kind !== 'silent') return [];
  const why = asked.kind === 'silent' ? `: ${asked.why}` : '.';
  return [
    finding({
      code: 'no_answer',
      where: 'there',
      sure: 'likely',
      what: `${host} says who it is, and does not answer a sealed question about the rest${why}`,
      fix: { step: `Bring Sotto on ${host} up to date, or ask once more: it may be busy.`, commands: [] },
    }),
  ];
}
