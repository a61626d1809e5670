/** The programs: Node, Sotto, what may be installed beside them, and the config. */

import { check } from '../../peers/doctor/finding.ts';
import { type DataStamp, LAYOUT, tooNew } from '../data-version.ts';
import { examined, fault, fixBy, type NodeDiagnosis, together } from './node-finding.ts';

export interface RuntimeFacts {
  /** As in `26.10.0`. */
  readonly node: string;
  /** What package.json asks for, as in `>=24.11`. */
  readonly nodeNeeded: string;
  readonly sotto: string;
  /** Packages that do not come with Sotto, or not on every machine. */
  readonly packages: readonly PackageFacts[];
}

export interface PackageFacts {
  readonly name: string;
  /** What it is for. */
  readonly use: string;
  readonly isThere: boolean;
}

export interface ConfigFacts {
  /** Null where all is by default. */
  readonly file: string | null;
  /** What is wrong with it, naming the field; null for nothing. */
  readonly problem: string | null;
}

/** Who used the data folder last; `problem` where that cannot be read. */
export type StampFacts = { readonly stamp: DataStamp | null } | { readonly problem: string };

export function judgeRuntime({ node, nodeNeeded, sotto, packages }: RuntimeFacts): NodeDiagnosis {
  const isEnough = reaches(node, nodeNeeded);
  const old = `Node ${node} is too old: Sotto ${sotto} needs ${nodeNeeded}.`;
  const fix = fixBy('Install a newer one: from nodejs.org, or into this folder.', 'npm install node');
  const line = check('Node', isEnough, node);
  return together([
    examined(line, isEnough ? null : fault('node_too_old', old, fix)),
    examined(check('Sotto', true, sotto)),
    ...packages.map(({ name, use, isThere }) =>
      examined(check(name, isThere || null, isThere ? use : `not installed: no ${use}`)),
    ),
  ]);
}

export function judgeConfig({ file, problem }: ConfigFacts): NodeDiagnosis {
  const line = check('config', problem === null, file ?? 'none: all by default');
  if (problem === null) return examined(line);
  const fix = fixBy('Mend that field; docs/cli.md lists them all.', `\${EDITOR:-vi} ${file}`);
  return examined(line, fault('config_invalid', problem, fix));
}

export function judgeStamp(facts: StampFacts, folder: string, sotto: string): NodeDiagnosis {
  const name = 'data version';
  if ('problem' in facts) {
    const fix = fixBy('Delete it: Sotto writes it anew.', `rm ${folder}/version.json`);
    return examined(check(name, false, 'unreadable'), fault('data_version_invalid', facts.problem, fix));
  }
  const { stamp } = facts;
  if (stamp === null) return examined(check(name, null, 'not said: no node has used the folder yet'));
  const line = check(name, stamp.layout <= LAYOUT, `used by Sotto ${stamp.sotto} last`);
  if (stamp.layout <= LAYOUT) return examined(line);
  const fix = fixBy('Install that version.', `npm install --global sotto@${stamp.sotto}`);
  return examined(line, fault('data_newer', tooNew(folder, stamp, sotto), fix));
}

/** @param needed as in `>=24.11`. */
function reaches(version: string, needed: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = needed.replace(/^>=/, '').split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
