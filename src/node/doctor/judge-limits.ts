/** What the system lets the node have: open files and memory. */

import { check } from '../../peers/doctor/finding.ts';
import { examined, fault, fixBy, type NodeDiagnosis, note, together } from './node-finding.ts';
import { sizeText } from './size-text.ts';

export interface LimitFacts {
  /** Open files of one program; null where the system does not tell. */
  readonly files: number | null;
  /** Files and connections that the config lets the node have. */
  readonly filesWanted: number;
  /** Of this program or its group, bytes; null for none, or where nobody tells. */
  readonly memory: number | null;
  /** What is left on the machine, bytes. */
  readonly memoryFree: number;
}

const MEBIBYTE = 2 ** 20;
/** Stores, sockets, the program itself. */
const FILES_LEAST = 256;
const MEMORY = { least: 128 * MEBIBYTE, low: 64 * MEBIBYTE } as const;

export function judgeLimits(facts: LimitFacts): NodeDiagnosis {
  return together([judgeFileLimit(facts), judgeMemory(facts)]);
}

function judgeFileLimit({ files, filesWanted }: LimitFacts): NodeDiagnosis {
  if (files === null) return examined(check('open files', null, 'the system does not tell'));
  const isEnough = files >= FILES_LEAST;
  const line = check('open files', isEnough, `up to ${files}`);
  if (files >= filesWanted) return examined(line);
  const what = isEnough
    ? `The node may open ${files} files, and its limits let in connections that need ${filesWanted}: above that it refuses them.`
    : `The node may open ${files} files only: under load it will refuse connections, and fail to write.`;
  const fix = fixBy(
    'Raise the limit: `LimitNOFILE=65536` in the unit, or before starting by hand.',
    'sudo systemctl edit sotto',
    'ulimit -n 65536',
  );
  return examined(line, isEnough ? note('files_limit', what, fix) : fault('files_limit', what, fix));
}

function judgeMemory({ memory, memoryFree }: LimitFacts): NodeDiagnosis {
  const isEnough = memory === null || memory >= MEMORY.least;
  const limit = memory === null ? 'no limit' : `limited to ${sizeText(memory)}`;
  const little = `The node may have ${sizeText(memory ?? 0)} of memory; it needs ${sizeText(MEMORY.least)}.`;
  const low = `${sizeText(memoryFree)} of memory are left on this machine.`;
  return examined(
    check('memory', isEnough, `${limit}, ${sizeText(memoryFree)} left`),
    isEnough
      ? null
      : fault('memory_limit', little, fixBy('Raise `MemoryMax=` in the unit.', 'sudo systemctl edit sotto')),
    memoryFree >= MEMORY.low
      ? null
      : note('memory_low', low, fixBy('See what takes it.', 'ps -eo rss,args --sort=-rss | head')),
  );
}
