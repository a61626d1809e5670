/** `sotto doctor peers`: why two machines do not see each other. */

import { lookup } from 'node:dns/promises';
import { access } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { messageOf, SottoError } from '../errors.ts';
import { Identity } from '../keys/identity.ts';
import { cleanHost } from '../peers/announcement.ts';
import { diagnose } from '../peers/doctor/diagnosis.ts';
import { type ExaminationOptions, examine } from '../peers/doctor/examination.ts';
import type { Diagnosis } from '../peers/doctor/finding.ts';
import type { MachineFacts } from '../peers/doctor/observations.ts';
import { DEFAULTS, resolvePeerNode } from '../peers/options.ts';
import { placeIn } from '../peers/peer.ts';
import { Pins } from '../peers/pins.ts';
import { readMachine } from './doctor-machine.ts';
import { peersReportLines } from './doctor-report.ts';
import { loadIdentity } from './keys.ts';
import { networkOptions, type PeerOptions, waitOption, withPeerOptions } from './peer-options.ts';
import { EXIT, printJson, printLine } from './terminal.ts';

/** Own multicast comes back at once, or not at all, ms. */
const SHORT_LOOK = 300;

interface DoctorOptions extends PeerOptions {
  /** ms */
  readonly wait: number;
}

export function addPeersDoctor(group: Command): void {
  const command = group
    .command('peers')
    .argument('[host]', 'HOST or HOST:PORT of the machine that is not seen, with a node running there')
    .description('why two machines do not see each other, with the command that mends it');
  withPeerOptions(command, 'sotto doctor peers 192.168.1.20')
    .addOption(waitOption('how long to look around where no host is named', 2))
    .action(examinePeers);
}

/** Of this machine alone, as a node with the usual options would meet it. */
export async function examineMulticast(machine: MachineFacts): Promise<Diagnosis> {
  const seen = await examine({
    ...(await examinationOptions({})),
    ...{ identity: null, target: null, wait: SHORT_LOOK, isBlocked: () => false },
  });
  return diagnose(seen, machine);
}

async function examinePeers(text: string | undefined, options: DoctorOptions): Promise<void> {
  const target = text === undefined ? null : await targetOf(text);
  await using pins = await Pins.load(options.pins);
  const identity = await identityOf(options.identity);
  const seen = await examine({
    ...(await examinationOptions(options)),
    ...{ identity, target, wait: options.wait },
    isBlocked: (id) => pins.get(id)?.isBlocked ?? false,
  });
  const machine = await readMachine(target?.host ?? null, seen.own.udpPort);
  const diagnosis = diagnose(seen, machine);
  const isWell = diagnosis.findings.every(({ severity }) => severity === 'note');
  if (options.json) printJson({ ok: isWell, ...diagnosis, around: seen.around });
  else for (const line of peersReportLines(diagnosis, seen)) printLine(line);
  if (!isWell) process.exitCode = EXIT.failed;
}

/** @throws SottoError `invalid_argument` for a host that nobody knows. */
async function targetOf(text: string): Promise<NonNullable<ExaminationOptions['target']>> {
  const { host, tcpPort } = placeIn(text);
  if (tcpPort !== null && !(tcpPort >= 1 && tcpPort <= 0xffff)) {
    throw new SottoError('invalid_argument', `"${text}" has no port that can be: write HOST or HOST:PORT.`);
  }
  try {
    const { address } = await lookup(host);
    return { host: cleanHost(address), tcpPort };
  } catch (cause) {
    const why = messageOf(cause);
    throw new SottoError('invalid_argument', `"${host}" is no host that is known here: ${why}.`, { cause });
  }
}

/** A doctor makes no key: without one it asks as somebody whom nobody knows. */
async function identityOf(file: string): Promise<Identity | null> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  return isThere ? loadIdentity(file) : null;
}

/** As a node would take them. @throws SottoError `invalid_option`. */
async function examinationOptions(
  options: Parameters<typeof networkOptions>[0],
): Promise<Omit<ExaminationOptions, 'identity' | 'target' | 'wait' | 'isBlocked'>> {
  const identity = Identity.generate();
  const resolved = resolvePeerNode({ identity, ...(await networkOptions(options)) }, hostname());
  const { group, udpPort, tcpPort, interfaces, staticPeers, groupSecret, hidden } = resolved;
  return {
    group,
    udpPort,
    tcpPort: tcpPort || DEFAULTS.tcpPort,
    interfaces,
    staticPeers,
    groupSecret,
    hidden,
  };
}
