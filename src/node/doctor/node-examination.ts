/** Looks at this machine as the node of a config would need it. Changes nothing, and starts nothing. */

import { join } from 'node:path';
import { messageOf } from '../../errors.ts';
import type { Diagnosis } from '../../peers/doctor/finding.ts';
import type { MachineFacts } from '../../peers/doctor/observations.ts';
import { SQLITE_SCHEMA } from '../../platform/node/sqlite.ts';
import type { NodeConfig } from '../config.ts';
import { readStamp } from '../data-version.ts';
import type { NodePlan } from '../plan.ts';
import { gatherFiles, gatherFolder, gatherKey, newestOf } from './gather-folder.ts';
import { gatherLimits, gatherService, isClockSynchronised } from './gather-machine.ts';
import { gatherRoads } from './gather-roads.ts';
import { gatherStores } from './gather-stores.ts';
import { gatherUrls, type NamedUrl, type UrlsSeen } from './gather-urls.ts';
import { judgeClock } from './judge-clock.ts';
import { judgeFiles, judgeFolder, judgeKey } from './judge-folder.ts';
import { judgeLimits } from './judge-limits.ts';
import { firewallLine, judgeRoads, type RoadFacts } from './judge-roads.ts';
import {
  judgeConfig,
  judgeRuntime,
  judgeStamp,
  type RuntimeFacts,
  type StampFacts,
} from './judge-runtime.ts';
import { judgeService } from './judge-service.ts';
import { judgeStores } from './judge-stores.ts';
import { judgeUrls } from './judge-urls.ts';
import { type NodeDiagnosis, note, together } from './node-finding.ts';

/** What can be looked at by itself. */
export const PARTS = ['programs', 'data', 'reach', 'clock', 'limits', 'service', 'multicast'] as const;
export type Part = (typeof PARTS)[number];

const NOBODY_ASKED: UrlsSeen = { urls: [], otherClock: null };

export interface NodeExaminationOptions {
  readonly plan: NodePlan;
  readonly parts: ReadonlySet<Part>;
  readonly runtime: RuntimeFacts;
  /** What the firewall is. */
  readonly machine: Pick<MachineFacts, 'firewall' | 'chains'>;
  /** Whether the node should be running. */
  readonly isExpected: boolean;
  /** Addresses of HTTP that should answer. */
  readonly urls: readonly string[];
  /** Of systemd. */
  readonly unit: string;
  /** As `sotto doctor peers` finds it, alone. */
  readonly multicast: () => Promise<Diagnosis>;
}

export async function examineNode(options: NodeExaminationOptions): Promise<NodeDiagnosis> {
  const { plan, parts, runtime, machine } = options;
  const { config, facts } = plan;
  const started = { wall: Date.now(), steady: performance.now() };
  const isWanted = (part: Part): boolean => parts.has(part);
  const isUsable = facts.problem === null;
  const key = await gatherKey(config.identity, process.env.SOTTO_PASSPHRASE);
  const tried =
    isWanted('reach') && isUsable
      ? gatherRoads(plan.roads, key.facts.state === 'missing' ? 'none' : key.identity)
      : Promise.resolve([]);
  const isAsking = isWanted('reach') || isWanted('clock');
  const [data, roads, seen, service, multicast, isSynchronised] = await Promise.all([
    isWanted('data') ? examineData(plan, runtime.sotto, key.facts) : null,
    tried,
    // After the ports were tried: who listens at one for a moment would answer.
    tried.then(() => (isAsking ? gatherUrls(options.urls, usualUrls(config)) : NOBODY_ASKED)),
    isWanted('service') ? gatherService(options.unit) : null,
    isWanted('multicast') ? options.multicast().then(asNotes) : null,
    isWanted('clock') ? isClockSynchronised() : null,
  ]);
  const clock = {
    ...{ now: Date.now(), isSynchronised, other: seen.otherClock, newestFile: data?.newestFile ?? null },
    jumped: Date.now() - started.wall - (performance.now() - started.steady),
  };
  return together([
    ...(isWanted('programs') ? [judgeRuntime(runtime)] : []),
    ...(isWanted('programs') || !isUsable ? [judgeConfig(facts)] : []),
    ...(data ? [data.diagnosis] : []),
    ...(isWanted('reach')
      ? [judgeRoads(roads, machine, options.isExpected), firewallLine(roads, machine)]
      : []),
    ...(isWanted('reach') ? [judgeUrls(seen.urls)] : []),
    ...(isWanted('clock') ? [judgeClock(clock)] : []),
    ...(isWanted('limits') ? [judgeLimits(await gatherLimits(pidOf(roads), filesWanted(plan)))] : []),
    judgeService(service),
    ...(multicast ? [multicast] : []),
  ]);
}

async function examineData(
  { config, files: named }: NodePlan,
  sotto: string,
  key: Parameters<typeof judgeKey>[0],
): Promise<{ diagnosis: NodeDiagnosis; newestFile: number | null }> {
  const folder = config.data;
  const [found, files, stamp] = await Promise.all([
    gatherFolder(folder),
    gatherFiles(folder, config.identity),
    gatherStamp(folder),
  ]);
  const inside = files.map(({ path }) => path);
  const stores = await gatherStores([...new Set([...inside, ...named.map((path) => join(path))])]);
  const isThere = found.state === 'there';
  const diagnosis = together([
    judgeFolder(found),
    ...(isThere ? [judgeStamp(stamp, folder, sotto)] : []),
    judgeKey(key, isThere),
    ...(isThere ? [judgeFiles(files)] : []),
    judgeStores(stores, SQLITE_SCHEMA),
  ]);
  return { diagnosis, newestFile: await newestOf(files) };
}

async function gatherStamp(folder: string): Promise<StampFacts> {
  return readStamp(folder).then(
    (stamp) => ({ stamp }),
    (error: unknown) => ({ problem: messageOf(error) }),
  );
}

/** Of the node that runs, whose limits count; null for none. */
function pidOf(roads: readonly RoadFacts[]): string | null {
  const own = roads.find(({ answer }) => answer === 'own');
  return /\(pid (\d+)\)/.exec(own?.holders[0] ?? '')?.[1] ?? null;
}

function filesWanted({ roads, maxConnections }: NodePlan): number {
  const streams = roads.map(({ url }) => url).filter((url) => !url.startsWith('udp:'));
  const ports = new Set(streams.map((url) => url.replace(/^\w+:/, '')));
  return ports.size * maxConnections + 64;
}

/** Asked where something listens. */
function usualUrls({ console: page, broadcaster }: NodeConfig): NamedUrl[] {
  return [
    ...(page ? [{ name: 'console', url: `${page.listen}/enter` }] : []),
    ...(broadcaster && broadcaster.operations !== 'off'
      ? [{ name: 'broadcaster', url: `${broadcaster.listen}/readyz` }]
      : []),
  ];
}

/** A node may do without peers, so that nothing of it keeps it from working. */
function asNotes({ checks, findings }: Diagnosis): NodeDiagnosis {
  return {
    checks: checks.map((each) => (each.state === 'fault' ? { ...each, state: 'unknown' } : each)),
    findings: findings.map(({ code, what, fix }) => note('multicast', `For peers (${code}): ${what}`, fix)),
  };
}
