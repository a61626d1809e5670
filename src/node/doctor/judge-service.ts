/** The unit of systemd, where there is one. */

import { check } from '../../peers/doctor/finding.ts';
import { examined, fault, fixBy, type NodeDiagnosis, note, together } from './node-finding.ts';

/** As `systemctl show` tells. */
export interface ServiceFacts {
  readonly unit: string;
  /** Such as `active`, `failed`, `inactive`, `activating`. */
  readonly active: string;
  /** Such as `exit-code`, `oom-kill`, `start-limit-hit`; `success` for none. */
  readonly result: string;
  /** Such as `enabled`, `disabled`. */
  readonly enabled: string;
  /** Since it was started by somebody. */
  readonly restarts: number;
}

const MANY_RESTARTS = 5;

/** @param service null where there is no such unit, or no systemd. */
export function judgeService(service: ServiceFacts | null): NodeDiagnosis {
  if (service === null) return together([]);
  const { unit, active, result, enabled, restarts } = service;
  const logs = `journalctl -u ${unit} -n 50 --no-pager`;
  const isFailed = active === 'failed' || result !== 'success';
  const isUp = active === 'active' || active === 'reloading';
  return examined(
    check(unit, isFailed ? false : isUp || null, `${active}, ${enabled}`),
    isFailed
      ? fault(
          'service_failed',
          `The service ${unit} is ${active}: ${result}.`,
          fixBy('Read what it said last, mend that, and start it.', logs, `sudo systemctl restart ${unit}`),
        )
      : null,
    restarts > MANY_RESTARTS
      ? fault(
          'service_restarts',
          `The service ${unit} has been restarted ${restarts} times: it keeps ending.`,
          fixBy('Read why.', logs),
        )
      : null,
    !isFailed && active === 'inactive'
      ? note(
          'service_inactive',
          `The service ${unit} does not run.`,
          fixBy('Start it.', `sudo systemctl start ${unit}`),
        )
      : null,
    enabled === 'disabled'
      ? note(
          'service_disabled',
          `The service ${unit} does not start with the machine.`,
          fixBy('Let it.', `sudo systemctl enable ${unit}`),
        )
      : null,
  );
}
