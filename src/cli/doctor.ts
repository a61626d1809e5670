/** `sotto doctor`: what is wrong with this machine and the node on it, and what mends it. */

import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { PackageFacts } from '../node/doctor/judge-runtime.ts';
import { examineNode, PARTS, type Part } from '../node/doctor/node-examination.ts';
import { readPlan } from '../node/plan.ts';
import { readMachine } from './doctor-machine.ts';
import { addPeersDoctor, examineMulticast } from './doctor-peers.ts';
import { reportLines } from './doctor-report.ts';
import { EXIT, type OutputOptions, printJson, printLine } from './terminal.ts';

interface DoctorOptions extends OutputOptions {
  readonly config?: string;
  readonly data?: string;
  readonly only?: readonly Part[];
  readonly running?: boolean;
  readonly url?: readonly string[];
  readonly unit: string;
  readonly quiet?: boolean;
}

/** Packages that may be missing, and what is then. */
const PACKAGES = [
  { name: 'lz4-napi', use: 'LZ4, for sickserv' },
  { name: 'multicast-dns', use: 'DNS-SD, for peers' },
  { name: '@opentelemetry/api', use: 'traces' },
] as const;
/** Of the group of peers. */
const UDP_PORT = 57_000;

export function addDoctorCommand(program: Command): void {
  const group = program
    .command('doctor')
    .description('what is wrong with this machine and the node on it, and what mends it')
    .option('--config <file>', 'default sotto.config.json, where there is one')
    .option('--data <folder>', "look at this data folder (default the config's, or .sotto)")
    .addOption(new Option('--only <part...>', 'look at these parts alone').choices(PARTS))
    .option('--running', 'the node should be running: say so where it is not')
    .option('--url <url...>', 'http:// addresses that should answer, such as a broadcaster’s /readyz')
    .option('--unit <name>', 'of systemd, where it runs as a service', 'sotto.service')
    .option('--quiet', 'print nothing where nothing is wrong')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto doctor --running --url http://127.0.0.1:3003/readyz')
    .action(examineThis);
  addPeersDoctor(group);
}

async function examineThis(options: DoctorOptions): Promise<void> {
  const { config, data, only = PARTS, running = false, url = [], unit, quiet, json } = options;
  const machine = await readMachine(null, UDP_PORT);
  const diagnosis = await examineNode({
    plan: await readPlan(config, data),
    parts: new Set(only),
    runtime: {
      node: process.versions.node,
      ...ownPackage(),
      packages: only.includes('programs') ? await Promise.all(PACKAGES.map(packageFacts)) : [],
    },
    ...{ machine, unit, isExpected: running, urls: url },
    multicast: () => examineMulticast(machine),
  });
  const isWell = diagnosis.findings.every(({ severity }) => severity === 'note');
  if (json) printJson({ ok: isWell, ...diagnosis });
  else if (!quiet || !isWell) {
    for (const line of reportLines(diagnosis, { well: 'Nothing is wrong.' })) printLine(line);
  }
  if (!isWell) process.exitCode = EXIT.failed;
}

function ownPackage(): { readonly sotto: string; readonly nodeNeeded: string } {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version, engines } = JSON.parse(text) as { version: string; engines: { node: string } };
  return { sotto: version, nodeNeeded: engines.node };
}

/** Loaded, as some of them are built for some machines alone. */
async function packageFacts({ name, use }: (typeof PACKAGES)[number]): Promise<PackageFacts> {
  return import(name).then(
    () => ({ name, use, isThere: true }),
    () => ({ name, use, isThere: false }),
  );
}
