/** What `sotto doctor` makes of what it has found out, case by case: also those that no test machine can be brought to. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ClockFacts, judgeClock } from '../../src/node/doctor/judge-clock.ts';
import {
  type FileFacts,
  type FolderFacts,
  judgeFiles,
  judgeFolder,
  judgeKey,
  type KeyFacts,
} from '../../src/node/doctor/judge-folder.ts';
import { judgeLimits, type LimitFacts } from '../../src/node/doctor/judge-limits.ts';
import { firewallLine, judgeRoads, type RoadFacts } from '../../src/node/doctor/judge-roads.ts';
import {
  judgeConfig,
  judgeRuntime,
  judgeStamp,
  type RuntimeFacts,
} from '../../src/node/doctor/judge-runtime.ts';
import { judgeService, type ServiceFacts } from '../../src/node/doctor/judge-service.ts';
import { judgeStores, type StoreFacts } from '../../src/node/doctor/judge-stores.ts';
import { judgeUrls } from '../../src/node/doctor/judge-urls.ts';
import { type NodeDiagnosis, together } from '../../src/node/doctor/node-finding.ts';
import { sizeText } from '../../src/node/doctor/size-text.ts';

const MEBIBYTE = 2 ** 20;
const NOW = Date.UTC(2027, 0, 1);

const RUNTIME: RuntimeFacts = { node: '26.10.0', nodeNeeded: '>=24.11', sotto: '0.1.0', packages: [] };
const FOLDER: FolderFacts = {
  ...{ path: '.sotto', state: 'there', isWritable: true, mode: 0o700, owner: 'ann', self: 'ann' },
  ...{ free: 2 ** 34, freeFiles: 1e6 },
};
const KEY: KeyFacts = { path: 'own.key', state: 'fine', why: 'It is so.' };
const FILE: FileFacts = { path: '.sotto/pins.json', kind: 'secret', mode: 0o600, isReadable: true };
const STORE: StoreFacts = { path: 'once.db', size: 4096, outcome: { kind: 'whole', schema: 1 } };
const CLOCK: ClockFacts = { now: NOW, isSynchronised: true, jumped: 0, newestFile: NOW - 1, other: null };
const LIMITS: LimitFacts = { files: 65_536, filesWanted: 3000, memory: null, memoryFree: 2 ** 30 };
const SERVICE: ServiceFacts = {
  ...{ unit: 'sotto.service', active: 'active', result: 'success', enabled: 'enabled', restarts: 0 },
};
const ROAD: RoadFacts = {
  ...{ url: 'udp://0.0.0.0:7878', protocol: 'udp', port: 7878, bind: 'taken' },
  ...{ holders: ['node (pid 77)'], answer: 'own' },
};
const NO_FIREWALL = { firewall: null, chains: [] } as const;

function folder(change: Partial<FolderFacts>): NodeDiagnosis {
  return judgeFolder({ ...FOLDER, ...change });
}

function road(change: Partial<RoadFacts>, isExpected = false): NodeDiagnosis {
  return judgeRoads([{ ...ROAD, ...change }], NO_FIREWALL, isExpected);
}

function service(change: Partial<ServiceFacts>): NodeDiagnosis {
  return judgeService({ ...SERVICE, ...change });
}

function clock(change: Partial<ClockFacts>): NodeDiagnosis {
  return judgeClock({ ...CLOCK, ...change });
}

/** `code`, or `note code`. */
function said({ findings }: NodeDiagnosis): string[] {
  return findings.map(({ code, severity }) => (severity === 'note' ? `note ${code}` : code));
}

function commands({ findings }: NodeDiagnosis): string {
  return findings.flatMap(({ fix }) => fix.commands).join('\n');
}

describe('sotto doctor', () => {
  test('has no word against a machine in good health', () => {
    const diagnosis = together([
      judgeRuntime(RUNTIME),
      judgeConfig({ file: null, problem: null }),
      judgeFolder(FOLDER),
      judgeStamp({ stamp: { sotto: '0.1.0', layout: 1 } }, '.sotto', '0.1.0'),
      judgeKey(KEY, true),
      judgeFiles([FILE, { ...FILE, path: 'inbox/a.txt', kind: 'data', mode: 0o644 }]),
      judgeStores([STORE], 1),
      judgeRoads([ROAD], NO_FIREWALL, true),
      judgeClock(CLOCK),
      judgeLimits(LIMITS),
      judgeService(SERVICE),
      judgeUrls([
        { name: 'x', url: 'http://x/', takesRefusal: false, answer: { status: 204, body: '' } },
        { name: 'console', url: 'http://x/', takesRefusal: true, answer: { status: 401, body: '' } },
      ]),
    ]);
    assert.deepEqual(diagnosis.findings, []);
    assert.deepEqual(
      diagnosis.checks.filter(({ state }) => state !== 'ok'),
      [],
    );
  });

  test('nor against one where nothing has run yet', () => {
    const diagnosis = together([
      folder({ state: 'absent', mode: null }),
      judgeKey({ ...KEY, state: 'missing' }, false),
      road({ bind: 'free', holders: [], answer: null }),
      judgeService(null),
    ]);
    assert.deepEqual(diagnosis.findings, []);
  });

  const CASES: Readonly<Record<string, readonly [NodeDiagnosis, readonly string[], RegExp?]>> = {
    'Node too old': [judgeRuntime({ ...RUNTIME, node: '24.10.9' }), ['node_too_old'], /npm install node/],
    'Node too old by far': [judgeRuntime({ ...RUNTIME, node: '20.20.0' }), ['node_too_old']],
    'a config that is wrong': [
      judgeConfig({ file: 'a.json', problem: 'a.json: listen.' }),
      ['config_invalid'],
      /a\.json/,
    ],
    'data of a newer Sotto': [
      judgeStamp({ stamp: { sotto: '3.0.0', layout: 2 } }, 'd', '0.1.0'),
      ['data_newer'],
      /sotto@3\.0\.0/,
    ],
    'a version that cannot be read': [
      judgeStamp({ problem: 'It is no JSON.' }, 'd', '0.1.0'),
      ['data_version_invalid'],
      /rm d\/version/,
    ],
    'no folder, and none can be made': [
      folder({ state: 'absent', isWritable: false }),
      ['data_missing'],
      /install -d -m 700 -o ann/,
    ],
    'a file for a folder': [folder({ state: 'not-folder' }), ['data_not_folder'], /mv \.sotto/],
    'a folder that is read-only': [folder({ isWritable: false }), ['data_not_writable'], /chmod u\+rwx/],
    'a folder of somebody else': [
      folder({ isWritable: false, owner: 'bea' }),
      ['data_owner'],
      /chown -R ann/,
    ],
    'root looks at a service’s folder': [folder({ owner: 'user 64123', self: 'root' }), []],
    'a folder open to others': [folder({ mode: 0o755 }), ['data_exposed'], /chmod 700/],
    'a full disk': [folder({ free: MEBIBYTE }), ['disk_full'], /df -h/],
    'a disk almost full': [folder({ free: 100 * MEBIBYTE }), ['note disk_low']],
    'no more files on a disk': [folder({ freeFiles: 3 }), ['disk_full']],
    'a disk that does not count files': [folder({ freeFiles: 0 }), []],
    'a key that went away': [
      judgeKey({ ...KEY, state: 'missing' }, true),
      ['note key_missing'],
      /sotto restore/,
    ],
    'a key open to others': [
      judgeKey({ ...KEY, state: 'exposed' }, true),
      ['key_exposed'],
      /chmod 600 own\.key/,
    ],
    'a key that is none': [judgeKey({ ...KEY, state: 'invalid' }, true), ['key_invalid'], /sotto restore/],
    'a sealed key': [judgeKey({ ...KEY, state: 'sealed' }, true), []],
    'a secret open to others': [
      judgeFiles([{ ...FILE, mode: 0o640 }]),
      ['file_exposed'],
      /chmod 600 \.sotto\/pins\.json/,
    ],
    'a file of somebody else': [judgeFiles([{ ...FILE, isReadable: false }]), ['file_unreadable'], /chown/],
    'a damaged store': [
      judgeStores([{ ...STORE, outcome: { kind: 'corrupt', why: 'page 3.' } }], 1),
      ['store_corrupt'],
      /sotto restore/,
    ],
    'a store of a newer Sotto': [
      judgeStores([{ ...STORE, outcome: { kind: 'whole', schema: 2 } }], 1),
      ['store_newer'],
    ],
    'a store too large to look through': [
      judgeStores([{ ...STORE, outcome: { kind: 'not-looked' } }], 1),
      [],
    ],
    'a port of another program': [
      road({ holders: ['nginx (pid 5)'], answer: 'none' }),
      ['port_taken'],
      /kill 5/,
    ],
    'a port of nobody knows whom': [
      road({ holders: [], answer: 'none' }),
      ['port_taken'],
      /ss -lntup 'sport = :7878'/,
    ],
    'a node with another key': [road({ answer: 'none' }), ['no_answer'], /ps -o pid,user,args 77/],
    'a node that answers only others': [road({ answer: null }, true), []],
    'a privileged port': [
      road({ bind: 'denied', port: 80, answer: null }),
      ['port_privileged'],
      /unprivileged_port_start=80/,
    ],
    'an address of another machine': [
      road({ bind: 'no-address', answer: null }),
      ['address_missing'],
      /ip -brief address/,
    ],
    'an address that fails': [road({ bind: { failed: 'EWHAT.' }, answer: null }), ['listen_failed']],
    'no node where one should be': [
      road({ bind: 'free', answer: null }, true),
      ['not_running'],
      /systemctl start sotto/,
    ],
    'a clock of before Sotto': [
      clock({ now: Date.UTC(2024, 0, 1), newestFile: NOW }),
      ['clock_past'],
      /set-ntp true/,
    ],
    'a clock that others do not have': [
      clock({ other: { ahead: -60_000, whose: 'http://x' } }),
      ['clock_wrong'],
      /set-ntp true/,
    ],
    'a clock that others almost have': [clock({ other: { ahead: 20_000, whose: 'http://x' } }), []],
    'a clock behind its files': [clock({ newestFile: NOW + 600_000 }), ['clock_behind_files']],
    'a clock that nobody keeps': [clock({ isSynchronised: false }), ['note clock_unsynchronised']],
    'a clock of which nobody tells': [clock({ isSynchronised: null }), []],
    'a clock that is set meanwhile': [clock({ jumped: -3000 }), ['note clock_jumped']],
    'few open files': [judgeLimits({ ...LIMITS, files: 64 }), ['files_limit'], /ulimit -n/],
    'fewer open files than connections': [judgeLimits({ ...LIMITS, files: 1024 }), ['note files_limit']],
    'little memory': [judgeLimits({ ...LIMITS, memory: 64 * MEBIBYTE }), ['memory_limit'], /systemctl edit/],
    'a machine without memory': [judgeLimits({ ...LIMITS, memoryFree: MEBIBYTE }), ['note memory_low']],
    'a service that failed': [
      service({ active: 'failed', result: 'exit-code' }),
      ['service_failed'],
      /journalctl -u sotto\.service/,
    ],
    'a service that keeps ending': [service({ restarts: 40 }), ['service_restarts']],
    'a service that is off': [service({ active: 'inactive' }), ['note service_inactive'], /systemctl start/],
    'a service for this day alone': [
      service({ enabled: 'disabled' }),
      ['note service_disabled'],
      /systemctl enable/,
    ],
    'an address that is silent': [
      judgeUrls([{ name: 'x', url: 'http://x/', takesRefusal: false, answer: { unreachable: 'refused.' } }]),
      ['url_unreachable'],
      /curl -v/,
    ],
    'an address that refuses': [
      judgeUrls([{ name: 'x', url: 'http://x/', takesRefusal: false, answer: { status: 404, body: '' } }]),
      ['url_not_ready'],
    ],
    'a broadcaster that cannot work': [
      judgeUrls([
        {
          name: 'b',
          url: 'http://x/',
          takesRefusal: true,
          answer: { status: 503, body: '{"away":["store"]}' },
        },
      ]),
      ['url_not_ready'],
    ],
  };
  for (const [name, [diagnosis, expected, command]] of Object.entries(CASES)) {
    test(name, () => {
      assert.deepEqual(said(diagnosis), expected);
      if (command) assert.match(commands(diagnosis), command);
      for (const { what, fix } of diagnosis.findings) {
        assert.match(what, /\.$/, 'a sentence');
        assert.ok(
          fix.step.length > 0 && fix.commands.length > 0,
          'every finding has a command that mends it',
        );
      }
    });
  }

  test('a port that one program has at several addresses is one fault', () => {
    const roads = ['http://0.0.0.0:7880', 'ws://0.0.0.0:7880'].map(
      (url): RoadFacts => ({
        ...ROAD,
        url,
        protocol: 'tcp',
        port: 7880,
        holders: ['nginx (pid 5)'],
        answer: 'none',
      }),
    );
    const diagnosis = judgeRoads(roads, NO_FIREWALL, true);
    assert.deepEqual(said(diagnosis), ['port_taken']);
    assert.equal(diagnosis.checks.filter(({ state }) => state === 'fault').length, 2);
  });

  test('a node that runs by an older config misses what was added', () => {
    const added: RoadFacts = {
      ...ROAD,
      url: 'tcp://0.0.0.0:9',
      protocol: 'tcp',
      port: 9,
      bind: 'free',
      answer: null,
    };
    assert.deepEqual(said(judgeRoads([ROAD, added], NO_FIREWALL, false)), ['not_listening']);
  });

  test('where nobody can be asked, the program that has the port tells', () => {
    const asked: RoadFacts = {
      ...ROAD,
      url: 'http://0.0.0.0:3003',
      protocol: 'tcp',
      port: 3003,
      answer: null,
    };
    const states = (road: RoadFacts): unknown[] => {
      const { checks, findings } = judgeRoads([ROAD, road], NO_FIREWALL, true);
      return [checks[1]?.state, findings.map(({ code }) => code)];
    };
    assert.deepEqual(states(asked), ['ok', []]);
    assert.deepEqual(states({ ...asked, holders: ['node (pid 78)'] }), ['unknown', []]); // of a worker, maybe
    assert.deepEqual(states({ ...asked, holders: [] }), ['unknown', []]);
    assert.deepEqual(states({ ...asked, holders: ['nginx (pid 5)'] }), ['fault', ['port_taken']]);
  });

  test('faults come before notes', () => {
    assert.deepEqual(said(folder({ free: 100 * MEBIBYTE, mode: 0o777 })), ['data_exposed', 'note disk_low']);
  });

  test('what a firewall must let in is told once, and of open addresses alone', () => {
    const machine = { firewall: 'ufw', chains: [] } as const;
    const roads = [ROAD, { ...ROAD, url: 'udp://[::]:7878' }, { ...ROAD, url: 'udp://127.0.0.1:1', port: 1 }];
    const { checks, findings } = firewallLine(roads, machine);
    assert.deepEqual(findings, []);
    assert.match(checks[0]?.detail ?? '', /^ufw .*: sudo ufw allow 7878\/udp$/);
    assert.deepEqual(firewallLine(roads.slice(2), machine).checks, []);
  });

  test('sizes are told as people do', () => {
    assert.deepEqual([0, 1, 1023, 1536, 2 ** 34, 150 * MEBIBYTE].map(sizeText), [
      ...['0 B', '1 B', '1023 B', '1.5 KiB', '16.0 GiB', '150 MiB'],
    ]);
  });
});
