/** From observations to findings, case by case: also those that no namespace can make. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Identity } from '../../src/index.ts';
import { diagnose } from '../../src/peers/doctor/diagnosis.ts';
import type { Finding, FindingCode } from '../../src/peers/doctor/finding.ts';
import type {
  AskedFacts,
  FirewallTool,
  KnockFacts,
  MachineFacts,
  MachineInterface,
  Neighbour,
  Observations,
  OtherFacts,
  PathFacts,
} from '../../src/peers/doctor/observations.ts';
import type { NotedTrace } from '../../src/peers/doctor/traces.ts';
import { peerIdOf } from '../../src/peers/peer.ts';
import type { DoctorAnswer, TraceWay } from '../../src/wire/peers-doctor.ts';

const OWN = '10.0.0.1';
const HOST = '10.0.0.2';
const OWN_ID = peerIdOf(Identity.generate().publicKey);
const THEIR_ID = peerIdOf(Identity.generate().publicKey);
const GREETED: KnockFacts = { kind: 'greeted', id: THEIR_ID, user: 'bea', hostname: 'there' };

const ETH0: MachineInterface = {
  name: 'eth0',
  isUp: true,
  isLoopback: false,
  hasMulticast: true,
  hasCarrier: true,
  isLan: true,
  addresses: [OWN],
};

/** What differs from two machines in good health. */
interface Illness {
  readonly own?: Partial<Observations['own']>;
  readonly udp?: Observations['udp'];
  /** What arrives: our own here, theirs here, ours there, theirs there; default all. */
  readonly hears?: Partial<Record<'self' | 'here' | 'there' | 'themselves', boolean>>;
  readonly unicast?: { readonly here: boolean; readonly there: boolean };
  readonly answer?: Partial<DoctorAnswer>;
  readonly other?: Partial<OtherFacts> | null;
  readonly around?: readonly Partial<Neighbour>[];
  readonly path?: Partial<PathFacts>;
  readonly interfaces?: readonly MachineInterface[];
  readonly firewall?: FirewallTool | null;
  readonly chains?: MachineFacts['chains'];
  readonly udpHolders?: readonly string[];
}

function findings(illness: Illness): readonly Finding[] {
  return diagnose(observationsOf(illness), machineOf(illness)).findings;
}

function observationsOf(illness: Illness): Observations {
  const { hears = {}, unicast = { here: true, there: true } } = illness;
  const { self = true, here = true } = hears;
  const own = {
    ...{ id: OWN_ID, group: '224.0.0.109', udpPort: 57_000, tcpPort: 57_001, staticPeers: [] },
    ...{ hasSecret: false, isHidden: false },
  };
  return {
    own: { ...own, ...illness.own },
    udp: illness.udp ?? { kind: 'open', sent: [{ name: 'eth0', address: OWN, error: null }] },
    tcpPort: 'free',
    traces: [
      ...(self ? [noted(OWN, 'multicast', true)] : []),
      ...(here ? [noted(HOST, 'multicast', false)] : []),
      ...(unicast.here ? [noted(HOST, 'unicast', false)] : []),
    ],
    around: (illness.around ?? []).map((each) => ({
      ...{ id: THEIR_ID, user: 'bea', hostname: 'there', host: HOST, tcpPort: 57_001, isElsewhere: false },
      ...each,
    })),
    other: illness.other === null ? null : otherOf(illness),
  };
}

function otherOf({ hears = {}, unicast, answer, other }: Illness): OtherFacts {
  const heard = (way: TraceWay): DoctorAnswer['heard'][number] => ({ host: OWN, by: 'eth0', way });
  const asked: AskedFacts = {
    kind: 'answered',
    answer: {
      ...{ now: 0, group: '224.0.0.109', udpPort: 57_000, hidden: false, secret: 'none' },
      heard: [
        ...((hears.there ?? true) ? [heard('multicast')] : []),
        ...((unicast?.there ?? true) ? [heard('unicast')] : []),
      ],
      hearsItself: hears.themselves ?? true,
      tcpBack: 'reached',
      ...answer,
    },
    clockAhead: 0,
  };
  return {
    host: HOST,
    tcpPort: 57_001,
    knock: GREETED,
    asked,
    clockAhead: 0,
    isBlockedHere: false,
    ...other,
  };
}

function machineOf(illness: Illness): MachineFacts {
  const { interfaces = [ETH0], firewall = null, chains = [], udpHolders = [], other, path } = illness;
  const usual: PathFacts = { isSelf: false, by: 'eth0', onLink: 'eth0', neighbour: 'there' };
  return { interfaces, firewall, chains, udpHolders, path: other === null ? null : { ...usual, ...path } };
}

function noted(host: string, way: TraceWay, isOwn: boolean): NotedTrace {
  return { nonce: '', host, by: 'eth0', way, isOwn };
}

const UNASKED: Partial<OtherFacts> = { asked: { kind: 'unasked' }, clockAhead: null };
const DEAF = { hears: { self: false, here: false, there: false } };
const REFUSED = { kind: 'open', sent: [{ name: 'eth0', address: OWN, error: 'EPERM' }] } as const;

const FAULTS: readonly (readonly [string, Illness, ...FindingCode[]])[] = [
  ['in good health', {}],
  ['nobody asked after', { other: null }],
  ['unicast to a port that is shared goes to another program', { unicast: { here: false, there: false } }],
  ['own multicast does not come back, and yet arrives', { hears: { self: false } }],
  ['theirs does not come back, and yet arrives', { hears: { themselves: false } }],
  ['IPv6 address of the other: it cannot say', { answer: { hearsItself: null } }],

  ['input closed here', { hears: { self: false, here: false } }, 'udp_in_blocked_here'],
  ['output closed here', { hears: { self: false, there: false } }, 'udp_out_blocked_here'],
  ['output refused here', { hears: { self: false, there: false }, udp: REFUSED }, 'udp_out_blocked_here'],
  ['both closed here', DEAF, 'udp_out_blocked_here', 'udp_in_blocked_here'],
  ['input closed there', { hears: { themselves: false, there: false } }, 'udp_in_blocked_there'],
  ['output closed there', { hears: { themselves: false, here: false } }, 'udp_out_blocked_there'],
  [
    'both closed there',
    { hears: { themselves: false, here: false, there: false } },
    'udp_in_blocked_there',
    'udp_out_blocked_there',
  ],
  [
    'input closed on both',
    { hears: { self: false, themselves: false, here: false, there: false } },
    'udp_out_blocked_here',
    'udp_in_blocked_here',
  ],
  ['closed here, nobody asked', { other: null, hears: { self: false } }, 'udp_blocked_here'],
  [
    'refused here, nobody asked',
    { other: null, hears: { self: false }, udp: REFUSED },
    'udp_out_blocked_here',
  ],
  [
    'multicast turned off, where that counts',
    { hears: { self: false, here: false }, interfaces: [{ ...ETH0, hasMulticast: false }] },
    'interface_no_multicast',
  ],
  ['snooping', { hears: { here: false, there: false } }, 'multicast_lost_between'],
  ['snooping one way', { hears: { there: false } }, 'multicast_lost_between'],
  [
    'no UDP at all',
    { hears: { here: false, there: false }, unicast: { here: false, there: false } },
    'udp_lost_between',
  ],
  [
    'a firewall there that spares its own, as on Windows',
    { hears: { there: false }, unicast: { here: true, there: false } },
    'udp_lost_between',
  ],

  ['refused', { other: { ...UNASKED, knock: { kind: 'refused' } } }, 'tcp_refused'],
  ['dropped', { other: { ...UNASKED, knock: { kind: 'silent' } } }, 'tcp_blocked_there'],
  [
    'nobody has the address',
    { other: { ...UNASKED, knock: { kind: 'silent' } }, path: { neighbour: 'absent' } },
    'host_absent',
  ],
  [
    'the address is in doubt, and yet heard',
    { other: { ...UNASKED, knock: { kind: 'silent' } }, path: { neighbour: 'absent' }, around: [{}] },
    'tcp_blocked_there',
  ],
  [
    'refused by our own firewall',
    { other: { ...UNASKED, knock: { kind: 'unreachable', why: 'EPERM' } } },
    'tcp_out_blocked_here',
  ],
  [
    'rejected there',
    { other: { ...UNASKED, knock: { kind: 'unreachable', why: 'EHOSTUNREACH' } } },
    'tcp_blocked_there',
  ],
  [
    'no way',
    {
      other: { ...UNASKED, knock: { kind: 'unreachable', why: 'ENETUNREACH' } },
      path: { by: null, onLink: null, neighbour: 'unknown' },
    },
    'no_route',
  ],
  [
    'no network',
    {
      other: { ...UNASKED, knock: { kind: 'unreachable', why: 'ENETUNREACH' } },
      path: { by: null, onLink: null, neighbour: 'unknown' },
      interfaces: [],
      udp: { kind: 'open', sent: [] },
    },
    'no_network',
  ],
  [
    'a cable out',
    { other: null, interfaces: [{ ...ETH0, hasCarrier: false }], udp: { kind: 'open', sent: [] } },
    'interface_down',
  ],
  ['one cable of two out', { interfaces: [ETH0, { ...ETH0, name: 'eth1', hasCarrier: false }] }],
  ['by a tunnel alone', { interfaces: [{ ...ETH0, isLan: false }] }],
  [
    'another subnet',
    { path: { by: 'eth0', onLink: null }, hears: { here: false, there: false } },
    'other_subnet',
  ],
  [
    'another subnet, named',
    {
      path: { by: 'eth0', onLink: null },
      hears: { here: false, there: false },
      own: { staticPeers: [`${HOST}:57001`] },
    },
  ],
  [
    'a VPN takes the way',
    { path: { by: 'tun0' }, other: { ...UNASKED, knock: { kind: 'silent' } } },
    'vpn_route',
  ],
  ['TCP back dropped', { answer: { tcpBack: 'silent' } }, 'tcp_blocked_back'],
  ['TCP back refused', { answer: { tcpBack: 'refused' } }, 'tcp_blocked_back'],
  ['TCP back not tried', { answer: { tcpBack: 'untried' } }],
  ['this machine', { path: { isSelf: true }, other: { ...UNASKED, knock: { kind: 'refused' } } }],

  ['says nothing', { other: { ...UNASKED, knock: { kind: 'mute' } } }, 'not_sotto'],
  ['an original', { other: { ...UNASKED, knock: { kind: 'mute' } }, around: [{ id: null }] }, 'original'],
  [
    'an original whose port has died',
    { other: { ...UNASKED, knock: { kind: 'refused' } }, around: [{ id: null }] },
    'original',
  ],
  ['hidden', { other: { ...UNASKED, knock: { kind: 'sealed' } } }, 'hidden'],
  [
    'hidden, of another secret',
    { other: { ...UNASKED, knock: { kind: 'sealed' } }, own: { hasSecret: true } },
    'other_secret',
  ],
  ['secrets differ', { own: { hasSecret: true }, answer: { secret: 'other' } }, 'other_secret'],
  ['a secret here alone', { own: { hasSecret: true }, answer: { secret: 'none' } }, 'other_secret'],
  ['a secret there alone', { answer: { secret: 'other' } }],
  ['one secret', { own: { hasSecret: true }, answer: { secret: 'same' } }],
  [
    'another group, which makes another key of the same secret',
    {
      own: { hasSecret: true },
      answer: { secret: 'other', group: '239.1.1.1' },
      hears: { here: false, there: false },
    },
    'other_group',
  ],
  ['another group, and yet heard', { answer: { group: '239.1.1.1' } }],
  ['another port', { answer: { udpPort: 57_010 }, hears: { here: false, there: false } }, 'other_udp_port'],
  [
    'heard elsewhere',
    { other: { ...UNASKED, knock: { kind: 'sealed' } }, around: [{ isElsewhere: true }] },
    'other_group',
    'hidden',
  ],
  [
    'a clock, with a secret',
    { own: { hasSecret: true }, answer: { secret: 'same' }, other: { clockAhead: -121_000 } },
    'clock',
  ],
  ['a clock, without', { other: { clockAhead: 3_600_000 } }],
  [
    'a clock a little wrong',
    { own: { hasSecret: true }, answer: { secret: 'same' }, other: { clockAhead: 119_000 } },
  ],
  [
    'a clock, where all is sealed',
    {
      own: { hasSecret: true, isHidden: true },
      answer: { secret: 'same', hidden: true },
      other: { clockAhead: 3_600_000 },
      hears: { here: false, there: false },
    },
    'clock',
  ],
  ['one identity', { other: { knock: { ...GREETED, id: OWN_ID } } }, 'same_identity'],
  ['one identity, around', { other: null, around: [{ id: OWN_ID }] }, 'same_identity'],
  ['our own node around', { other: null, around: [{ id: OWN_ID, host: OWN }] }],
  ['blocked there', { other: { ...UNASKED, asked: { kind: 'blocked' } } }, 'blocked_there'],
  ['blocked here', { other: { isBlockedHere: true } }, 'blocked_here'],
  ['an older Sotto', { other: { ...UNASKED, asked: { kind: 'no-route' } } }, 'no_answer'],
  ['no answer', { other: { ...UNASKED, asked: { kind: 'silent', why: 'nothing came' } } }, 'no_answer'],
  ['the port is taken', { udp: { kind: 'taken' } }, 'udp_port_taken'],
  ['the port fails', { other: null, udp: { kind: 'failed', why: 'EMFILE' } }, 'no_network'],
];

describe('a diagnosis', () => {
  for (const [name, illness, ...codes] of FAULTS) {
    test(`${name}: ${codes.join(', ') || 'no fault'}`, () => {
      const faults = findings(illness).filter(({ severity }) => severity === 'fault');
      assert.deepEqual(
        faults.map(({ code }) => code),
        codes,
      );
      for (const { what, fix } of findings(illness)) {
        assert.ok(what !== '' && fix.step !== '');
        assert.ok(!/undefined|null|\[object/.test(`${what} ${fix.step} ${fix.commands.join()}`));
      }
    });
  }

  test('whatever is heard and not heard: a fault where multicast is lost, and only there', () => {
    for (const bits of Array.from({ length: 2 ** 6 }, (_, number) => number)) {
      const [self, here, there, unicastHere, unicastThere, isRefused] = [0, 1, 2, 3, 4, 5].map(
        (bit) => ((bits >> bit) & 1) === 1,
      ) as [boolean, boolean, boolean, boolean, boolean, boolean];
      for (const themselves of [true, false, null]) {
        const illness: Illness = {
          hears: { self, here, there, ...(themselves === null ? {} : { themselves }) },
          unicast: { here: unicastHere, there: unicastThere },
          ...(themselves === null ? { answer: { hearsItself: null } } : {}),
          ...(isRefused ? { udp: REFUSED } : {}),
        };
        const isFault = findings(illness).some(({ severity }) => severity === 'fault');
        assert.equal(isFault, !(here && there), JSON.stringify(illness));
      }
    }
  });

  test('commands are those of the firewall that is there', () => {
    const commands = (
      firewall: FirewallTool | null,
      chains: MachineFacts['chains'] = [],
    ): readonly string[] =>
      findings({ hears: { self: false, here: false }, firewall, chains })[0]?.fix.commands ?? [];
    assert.deepEqual(commands('ufw'), ['sudo ufw allow 57000/udp']);
    assert.match(commands('firewalld')[0] ?? '', /^sudo firewall-cmd --permanent --add-port=57000\/udp/);
    assert.match(commands('iptables')[0] ?? '', /^sudo iptables -I INPUT -p udp --dport 57000 -j ACCEPT$/);
    assert.match(
      commands('windows')[0] ?? '',
      /^netsh advfirewall .* dir=in .*protocol=UDP localport=57000$/,
    );
    assert.match(commands('macos')[0] ?? '', /socketfilterfw --add/);
    const chain = { family: 'inet', table: 'fw', name: 'in', hook: 'input' } as const;
    assert.deepEqual(commands('nft', [chain, { ...chain, name: 'out', hook: 'output' }]), [
      'sudo nft insert rule inet fw in udp dport 57000 accept',
    ]);
    assert.deepEqual(commands('nft'), ['sudo nft list ruleset']);
    assert.ok(commands(null).length >= 3);
  });

  test('who has the port is named, and can be ended', () => {
    const [found] = findings({ udp: { kind: 'taken' }, udpHolders: ['python3 (pid 77)'] });
    assert.match(found?.what ?? '', /^python3 \(pid 77\) has UDP port 57000/);
    assert.deepEqual(found?.fix.commands, ['kill 77']);
  });

  test('checks: all well is all ok, and what is not known is no fault', () => {
    const states = (illness: Illness): string[] => [
      ...new Set(diagnose(observationsOf(illness), machineOf(illness)).checks.map(({ state }) => state)),
    ];
    assert.deepEqual(states({}), ['ok']);
    assert.deepEqual(states({ unicast: { here: false, there: false } }), ['ok', 'unknown']);
  });
});
