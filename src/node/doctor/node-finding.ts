/** What is said of a node and its machine; the shapes are those of `sotto doctor peers`. */

import type { Check, Diagnosis, Finding, Fix } from '../../peers/doctor/finding.ts';
import { faultsFirst, finding } from '../../peers/doctor/finding.ts';

export type NodeFindingCode =
  | 'node_too_old'
  | 'config_invalid'
  /** A newer Sotto has used the folder. */
  | 'data_newer'
  | 'data_version_invalid'
  | 'data_missing'
  | 'data_not_folder'
  | 'data_not_writable'
  /** Another user owns it. */
  | 'data_owner'
  /** Other users of this machine may look into it. */
  | 'data_exposed'
  | 'disk_full'
  | 'disk_low'
  | 'key_missing'
  | 'key_exposed'
  | 'key_invalid'
  | 'file_exposed'
  | 'file_unreadable'
  | 'store_corrupt'
  | 'store_newer'
  | 'port_taken'
  | 'port_privileged'
  | 'address_missing'
  | 'listen_failed'
  | 'not_running'
  /** The node runs, but not at this address. */
  | 'not_listening'
  /** Something has the port and does not answer as this node would. */
  | 'no_answer'
  | 'clock_past'
  | 'clock_wrong'
  | 'clock_unsynchronised'
  | 'clock_jumped'
  | 'clock_behind_files'
  | 'files_limit'
  | 'memory_limit'
  | 'memory_low'
  | 'service_failed'
  | 'service_restarts'
  | 'service_inactive'
  | 'service_disabled'
  | 'url_unreachable'
  | 'url_not_ready'
  /** What `sotto doctor peers` would say; its own code is in the text. */
  | 'multicast';

export type NodeDiagnosis = Diagnosis<NodeFindingCode>;
export type NodeFinding = Finding<NodeFindingCode>;

/** A fault of this machine. */
export function fault(code: NodeFindingCode, what: string, fix: Fix): NodeFinding {
  return finding({ code, where: 'here', what, fix });
}

/** What keeps nothing from working now. */
export function note(code: NodeFindingCode, what: string, fix: Fix): NodeFinding {
  return finding({ code, severity: 'note', where: 'here', what, fix });
}

/** To do, and how it is typed. */
export function fixBy(step: string, ...commands: readonly string[]): Fix {
  return { step, commands };
}

/** One thing looked at: its line, and what is wrong with it. */
export function examined(check: Check, ...findings: readonly (NodeFinding | null)[]): NodeDiagnosis {
  return { checks: [check], findings: findings.filter((each) => each !== null) };
}

export function together(parts: readonly NodeDiagnosis[]): NodeDiagnosis {
  return {
    checks: parts.flatMap(({ checks }) => checks),
    findings: parts.flatMap(({ findings }) => findings).toSorted(faultsFirst),
  };
}
