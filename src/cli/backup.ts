/** `sotto backup` and `sotto restore`. */

import type { Command } from 'commander';
import { SottoError } from '../errors.ts';
import { makeBackup, verifyBackup } from '../node/backup/backup.ts';
import { restoreBackup } from '../node/backup/restore.ts';
import { readPassphraseFile } from '../node/backup/sealed-archive.ts';
import { sizeText } from '../node/doctor/size-text.ts';
import { readPlan } from '../node/plan.ts';
import { version } from '../node/version.ts';
import { type OutputOptions, printFields, printJson, printLine } from './terminal.ts';

interface ArchiveOptions extends OutputOptions {
  readonly data?: string;
  readonly passphraseFile?: string;
  readonly force?: boolean;
}

interface BackupCommand extends ArchiveOptions {
  readonly config?: string;
  readonly verify?: boolean;
}

const PASSPHRASE = [
  '--passphrase-file <file>',
  'seal it under the text in this file, which is yours alone',
] as const;

export function addBackupCommands(program: Command): void {
  program
    .command('backup')
    .argument(
      '<target>',
      'the file that is to be, such as sotto.tar.gz; or a folder, where it gets a name with the time',
    )
    .description('save all that a node keeps, keys too; it may be running')
    .option('--config <file>', 'default sotto.config.json, where there is one')
    .option('--data <folder>', "the data folder (default the config's, or .sotto)")
    .option(...PASSPHRASE)
    .option('--force', 'replace an existing file')
    .option('--verify', 'make nothing, but look whether this backup is whole')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto backup /var/backups --passphrase-file backup.secret')
    .action(backup);
  program
    .command('restore')
    .argument('<file>', 'a backup')
    .description('put back what a backup holds, all of it or nothing; the node must be stopped')
    .option('--data <folder>', 'where the data folder goes (default where it was)')
    .option('--passphrase-file <file>', 'what it was sealed under')
    .option('--force', 'put aside what is there now')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sotto restore sotto.tar.gz')
    .action(restore);
}

async function backup(target: string, options: BackupCommand): Promise<void> {
  const passphrase = await passphraseOf(options);
  if (options.verify) return verify(target, passphrase, options);
  const plan = await readPlan(options.config, options.data);
  if (plan.facts.problem !== null) throw new SottoError('invalid_config', plan.facts.problem);
  const overwrite = options.force ?? false;
  const { file, files, size, leftOut } = await makeBackup({
    ...{ plan, target, passphrase, overwrite, version: version() },
  });
  if (options.json) printJson({ file, files, size, sealed: passphrase !== null, leftOut });
  else printFields({ file, files: String(files), size: sizeText(size) }, {});
  for (const path of leftOut) warn(`${path} is no file, and was left out.`);
  if (passphrase === null) {
    warn(`${file} holds private keys, unsealed: keep it as you keep them, or use --passphrase-file.`);
  }
}

async function verify(file: string, passphrase: string | null, { json }: OutputOptions): Promise<void> {
  const { madeBy, madeAt, files } = await verifyBackup(file, passphrase);
  if (json) printJson({ file, madeBy, madeAt, files });
  else printLine(`${file} is whole: ${files.length} files, made by Sotto ${madeBy} at ${madeAt}.`);
}

async function restore(file: string, options: ArchiveOptions): Promise<void> {
  const { data, force = false, json } = options;
  const passphrase = await passphraseOf(options);
  const restored = await restoreBackup({ file, data, passphrase, force, version: version() });
  if (json) return printJson(restored);
  const { madeBy, madeAt, files, aside, elsewhere } = restored;
  printLine(`${files} files of ${madeAt} (Sotto ${madeBy}) are back, in ${restored.data}.`);
  for (const path of aside) printLine(`What was there before is in ${path}.`);
  for (const each of elsewhere) printLine(`${each.file} belongs at ${each.belongs}, and was not put there.`);
}

async function passphraseOf({ passphraseFile }: ArchiveOptions): Promise<string | null> {
  return passphraseFile === undefined ? null : await readPassphraseFile(passphraseFile);
}

function warn(text: string): void {
  process.stderr.write(`sotto: ${text}\n`);
}
