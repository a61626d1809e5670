/** The command `sotto`: what it can do, and how it ends. */

import { Command, CommanderError } from 'commander';
import { SottoError } from '../errors.ts';
import { addBackupCommands } from './backup.ts';
import { addCallCommand } from './call.ts';
import { addConformanceCommands } from './conformance.ts';
import { addDeliveriesCommand } from './deliveries.ts';
import { addDoctorCommand } from './doctor.ts';
import { addKeyRotationCommands } from './key-rotation.ts';
import { addKeyCommands } from './keys.ts';
import { addLookupCommands } from './lookup.ts';
import { addPeerCommands } from './peers.ts';
import { addPubsubCommands } from './pubsub.ts';
import { addServeCommands } from './serve.ts';
import { EXIT, printError } from './terminal.ts';
import { addTopicKeyCommands } from './topic-keys.ts';
import { version } from './version.ts';

/** Codes that say the command itself was wrong, not what it did. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'invalid_argument',
  'invalid_config',
  'invalid_module',
  'invalid_option',
  'invalid_route',
  'invalid_url',
  'peer_ambiguous',
  'peer_unknown',
]);

/** Runs one command line and gives its exit code: 0 done, 1 failed, 2 wrong usage. */
export async function main(argv: readonly string[]): Promise<number> {
  // Whoever reads our output may stop reading: `sotto … | head -1`.
  process.stdout.on('error', () => process.exit(EXIT.failed));
  silenceExperimentalWarnings();
  const program = createProgram();
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    // Commander has printed its own errors already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    printError(error, { json: argv.includes('--json') });
    return error instanceof SottoError && USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.failed;
  }
}

/** All commands; nothing of them has run yet. */
export function createProgram(): Command {
  const program = new Command('sotto')
    .description('Short, private messages between programs.')
    .version(version())
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'sotto: ')) })
    .showHelpAfterError('(--help tells more)');
  addServeCommands(program);
  addCallCommand(program);
  addKeyCommands(program);
  addKeyRotationCommands(program);
  addLookupCommands(program);
  addPubsubCommands(program);
  addPeerCommands(program);
  addDoctorCommand(program);
  addBackupCommands(program);
  addTopicKeyCommands(program);
  addDeliveriesCommand(program);
  addConformanceCommands(program);
  inheritSettings(program);
  return program;
}

/** Commands in commands too. */
function inheritSettings(program: Command): void {
  for (const command of program.commands) {
    command.exitOverride().copyInheritedSettings(program);
    inheritSettings(command);
  }
}

/** Node 24 calls its SQLite experimental; whoever runs a command can do nothing about that. */
function silenceExperimentalWarnings(): void {
  const listeners = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'ExperimentalWarning') return;
    for (const listener of listeners) listener(warning);
  });
}
