/** What deploy/ promises: no root, limits, and nothing named that does not exist. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createProgram } from '../../src/cli/main.ts';
import { type NodeConfig, parseConfig } from '../../src/node/config.ts';
import { PARTS } from '../../src/node/doctor/node-examination.ts';

const CONFIG = '/etc/sotto/sotto.config.json';

function read(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');
}

/** Settings of a file of systemd, by `Section.Name`; those that are given twice are kept both. */
function settings(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let section = '';
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[(\w+)\]$/.exec(line)?.[1];
    if (header !== undefined) section = header;
    else {
      const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? assert.fail(`no setting: ${line}`);
      found.set(`${section}.${name}`, [...(found.get(`${section}.${name}`) ?? []), value]);
    }
  }
  return found;
}

/** Instructions of a container file, continued lines joined, of its last stage. */
function lastStage(text: string): readonly (readonly [string, string])[] {
  const lines = text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const all = lines.map((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? assert.fail(`no instruction: ${line}`);
    return [name, rest] as const;
  });
  return all.slice(all.findLastIndex(([name]) => name === 'FROM'));
}

function addressesOf({ request, sessions }: NodeConfig): string[] {
  return [...(request ? request.listen : []), ...(sessions ? sessions.listen : [])];
}

/** A command of ours that is there, with options that it has. */
async function assertCommand(words: readonly string[]): Promise<void> {
  const [program, name, ...rest] = words;
  assert.equal(program, 'sotto');
  const { commands } = await createProgram();
  const command = commands.find((each) => each.name() === name) ?? assert.fail(name);
  const options = command.options.map(({ long }) => long);
  for (const option of rest.filter((word) => word.startsWith('-')))
    assert.ok(options.includes(option), option);
}

describe('the unit of systemd', () => {
  const unit = settings(read('deploy/sotto.service'));
  const only = (name: string): string | undefined => unit.get(`Service.${name}`)?.join(' ');

  test('runs a command that there is, by the config that is installed with it', async () => {
    assert.equal(only('Type'), 'exec', 'Node sends no READY=1');
    const words = only('ExecStart')?.split(' ') ?? [];
    await assertCommand(words);
    assert.equal(words.at(-1), CONFIG);
    assert.match(read('deploy/sotto.service'), new RegExp(`^#.*sotto\\.config\\.json ${CONFIG}$`, 'm'));
  });

  test('as nobody in particular, in a folder of its own, with little else', () => {
    const expected = {
      ...{
        DynamicUser: 'yes',
        StateDirectory: 'sotto',
        StateDirectoryMode: '0700',
        WorkingDirectory: '%S/sotto',
      },
      ...{
        UMask: '0077',
        NoNewPrivileges: 'yes',
        ProtectSystem: 'strict',
        ProtectHome: 'yes',
        PrivateTmp: 'yes',
      },
      ...{ CapabilityBoundingSet: '', PrivateDevices: 'yes', RestrictNamespaces: 'yes' },
      ...{ RestrictAddressFamilies: 'AF_INET AF_INET6 AF_NETLINK AF_UNIX' },
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(only(name), value, name);
    assert.equal(only('MemoryDenyWriteExecute'), undefined, 'Node compiles while it runs');
  });

  test('comes back, but not with a config that is wrong; ends by SIGTERM; logs to the journal', () => {
    assert.equal(only('Restart'), 'always');
    assert.equal(only('RestartPreventExitStatus'), '2');
    assert.equal(only('KillSignal'), 'SIGTERM');
    assert.ok(Number(only('TimeoutStopSec')) >= 10);
    assert.equal(only('ExecReload'), 'kill -HUP $MAINPID');
    assert.deepEqual([only('StandardOutput'), only('StandardError')], ['journal', 'journal']);
    assert.ok(Number(only('LimitNOFILE')) >= 4096);
  });
});

test('the journal is bounded by size and by age', () => {
  const journal = settings(read('deploy/journald-sotto.conf'));
  assert.match(journal.get('Journal.SystemMaxUse')?.[0] ?? '', /^\d+[MG]$/);
  assert.match(journal.get('Journal.MaxRetentionSec')?.[0] ?? '', /^\d+day$/);
});

test('the config beside them is one, and reachable from outside', () => {
  const config = parseConfig(JSON.parse(read('deploy/sotto.config.json')), 'deploy/sotto.config.json');
  assert.ok(addressesOf(config).every((url) => url.includes('//0.0.0.0:')));
  assert.deepEqual([config.lookup, config.broadcaster, config.peers], [false, false, false]);
  assert.equal(config.data, '.sotto');
});

describe('the container file', () => {
  const stage = lastStage(read('deploy/Containerfile'));
  const value = (name: string): string => stage.find(([each]) => each === name)?.[1] ?? assert.fail(name);

  test('runs as a user that is not root, by number, whose folder is the volume', () => {
    const [, uid = ''] = /^(\d+):\d+$/.exec(value('USER')) ?? [];
    assert.ok(Number(uid) >= 1000);
    assert.match(
      value('RUN'),
      new RegExp(`useradd .*--uid ${uid} .*install -d -m 700 -o sotto .* ${value('VOLUME')}$`),
    );
    assert.equal(value('WORKDIR'), value('VOLUME'));
  });

  test('copies what there is, and runs and checks commands that there are', async () => {
    const copies = stage.filter(([name]) => name === 'COPY').map(([, rest]) => rest);
    assert.ok(copies.includes(`deploy/sotto.config.json ${CONFIG}`), copies.join('\n'));
    const { files } = JSON.parse(read('package.json')) as { files: string[] };
    assert.ok(files.includes('deploy'));
    const entry = JSON.parse(value('ENTRYPOINT')) as string[];
    await assertCommand([...entry, ...(JSON.parse(value('CMD')) as string[])]);
    const health = JSON.parse(value('HEALTHCHECK').replace(/^.*?CMD /, '')) as string[];
    await assertCommand(health);
    assert.ok(PARTS.some((part) => part === health[health.indexOf('--only') + 1]));
  });

  test('says every port of its config, and ends by SIGTERM', () => {
    const config = parseConfig(JSON.parse(read('deploy/sotto.config.json')), 'deploy/sotto.config.json');
    const ports = addressesOf(config).map((url) =>
      url.replace(/^(udp)?.*:(\d+)$/, (_all, udp, port) => `${port}/${udp ?? 'tcp'}`),
    );
    assert.deepEqual(new Set(value('EXPOSE').split(' ')), new Set(ports));
    assert.equal(value('STOPSIGNAL'), 'SIGTERM');
  });
});
