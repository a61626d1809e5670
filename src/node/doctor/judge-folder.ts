/** The data folder, and the files in it. */

import { check } from '../../peers/doctor/finding.ts';
import { examined, fault, fixBy, type NodeDiagnosis, note, together } from './node-finding.ts';
import { sizeText } from './size-text.ts';

export interface FolderFacts {
  readonly path: string;
  readonly state: 'there' | 'absent' | 'not-folder';
  /** Of the folder; where there is none, whether it can be made. */
  readonly isWritable: boolean;
  /** Permission bits; null where the system has none. */
  readonly mode: number | null;
  /** Names, or numbers where there is no name. */
  readonly owner: string;
  readonly self: string;
  /** For whoever is not root, bytes. */
  readonly free: number;
  /** Files that may still be made. */
  readonly freeFiles: number;
}

export interface FileFacts {
  readonly path: string;
  /** `key`: the identity's; `secret`: refused when open to others; `data`: all else. */
  readonly kind: 'key' | 'secret' | 'data';
  /** Null where the system has none. */
  readonly mode: number | null;
  readonly isReadable: boolean;
}

export interface KeyFacts {
  readonly path: string;
  readonly state: 'fine' | 'sealed' | 'missing' | 'exposed' | 'invalid';
  /** Why it cannot be used. */
  readonly why: string;
}

const OTHERS = 0o077;
const MEBIBYTE = 2 ** 20;
/** Below the first nothing can be relied on to be written; the second is a month's warning, not more. */
const DISK = { full: 16 * MEBIBYTE, low: 256 * MEBIBYTE } as const;
/** Some file systems have no number of files, and say 0. */
const FEW_FILES = { full: 16, low: 1000 } as const;

export function judgeFolder(folder: FolderFacts): NodeDiagnosis {
  const { path, state, isWritable, mode, owner, self } = folder;
  const name = 'data folder';
  if (state === 'not-folder') {
    const fix = fixBy(
      'Move it away, or name another folder by `data` in the config.',
      `mv ${path} ${path}.old`,
    );
    return examined(check(name, false, path), fault('data_not_folder', `${path} is not a folder.`, fix));
  }
  if (state === 'absent') return absent(folder);
  const line = check(name, isWritable && (mode ?? 0) % 0o100 === 0, path);
  const isOwned = owner === self || self === 'root';
  return together([
    examined(
      line,
      isWritable || !isOwned
        ? null
        : fault(
            'data_not_writable',
            `${self} may not write in ${path}.`,
            fixBy(
              'Let its owner write, or see whether its file system is mounted read-only.',
              `chmod u+rwx ${path}`,
            ),
          ),
      isOwned
        ? null
        : fault(
            'data_owner',
            `${path} belongs to ${owner}, and this runs as ${self}.`,
            fixBy('Run as that user, or give it the folder.', `sudo chown -R ${self} ${path}`),
          ),
      mode === null || (mode & OTHERS) === 0
        ? null
        : fault(
            'data_exposed',
            `Other users of this machine may use ${path} (mode ${octal(mode)}), where keys and messages lie.`,
            fixBy('Make it its owner’s alone.', `chmod 700 ${path}`),
          ),
    ),
    judgeDisk(folder),
  ]);
}

function absent({ path, isWritable, self }: FolderFacts): NodeDiagnosis {
  const what = `${path} does not exist, and ${self} may not make it.`;
  const fix = fixBy('Make it for that user.', `sudo install -d -m 700 -o ${self} ${path}`);
  const detail = isWritable ? `${path} is made at the first start` : path;
  return examined(
    check('data folder', isWritable ? null : false, detail),
    isWritable ? null : fault('data_missing', what, fix),
  );
}

function judgeDisk({ path, free, freeFiles }: FolderFacts): NodeDiagnosis {
  const isFull = free < DISK.full || (freeFiles > 0 && freeFiles < FEW_FILES.full);
  const isLow = free < DISK.low || (freeFiles > 0 && freeFiles < FEW_FILES.low);
  const left = `${sizeText(free)}${freeFiles > 0 && freeFiles < FEW_FILES.low ? ` and ${freeFiles} files` : ''}`;
  const line = check('free disk space', !isFull, left);
  if (!isLow) return examined(line);
  const what = `${left} may still be written where ${path} is${isFull ? ': nothing is kept for certain' : ''}.`;
  const fix = fixBy(
    'See what fills it, and delete what nobody needs.',
    `df -h ${path}`,
    `du -xh ${path} | sort -h | tail`,
  );
  return examined(line, isFull ? fault('disk_full', what, fix) : note('disk_low', what, fix));
}

/** @param isUsed whether the data folder is there already, so that a key should be too. */
export function judgeKey({ path, state, why }: KeyFacts, isUsed: boolean): NodeDiagnosis {
  switch (state) {
    case 'fine':
      return examined(check('own key', true, path));
    case 'sealed':
      return examined(check('own key', true, `${path}, sealed under a passphrase`));
    case 'missing':
      return examined(
        check('own key', null, `${path} is made at the first start`),
        isUsed
          ? note(
              'key_missing',
              `${path} does not exist. The first start makes a key, which nobody knows yet.`,
              fixBy(
                'If there was a key before, restore it: others know this node by it.',
                'sotto restore BACKUP',
              ),
            )
          : null,
      );
    case 'exposed': {
      const fix = fixBy(
        'Make it yours alone. Who has read it meanwhile can pass for this node.',
        `chmod 600 ${path}`,
      );
      return examined(check('own key', false, path), fault('key_exposed', why, fix));
    }
    case 'invalid': {
      const fix = fixBy('Restore it from a backup; a new key is another identity.', 'sotto restore BACKUP');
      return examined(check('own key', false, path), fault('key_invalid', why, fix));
    }
  }
}

/** The key has a line of its own, and is not among `files`. */
export function judgeFiles(files: readonly FileFacts[]): NodeDiagnosis {
  const faults = files.flatMap((file) => {
    const { path, kind, mode, isReadable } = file;
    const isExposed = kind !== 'data' && mode !== null && (mode & OTHERS) !== 0;
    const exposed = `${path} can be used by others (mode ${octal(mode ?? 0)}): it is refused for that.`;
    return [
      ...(isExposed
        ? [fault('file_exposed', exposed, fixBy('Make it yours alone.', `chmod 600 ${path}`))]
        : []),
      ...(isReadable
        ? []
        : [
            fault(
              'file_unreadable',
              `${path} cannot be read by this user.`,
              fixBy('Give it to the user that the node runs as.', `sudo chown "$USER" ${path}`),
            ),
          ]),
    ];
  });
  return examined(check('files in it', faults.length === 0, `${files.length}`), ...faults);
}

function octal(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`;
}
