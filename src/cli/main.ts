/** The command `sotto`: what it can do, and how it ends. */

import { Command, CommanderError } from 'commander';
import { SottoError } from '../errors.ts';
import { version } from '../node/version.ts';
import { EXIT, printError } from './terminal.ts';

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
  try {
    const program = await createProgram(argv);
    await program.parseAsync([...argv], { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    // Commander has printed its own errors already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    printError(error, { json: argv.includes('--json') });
    return error instanceof SottoError && USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.failed;
  }
}

/** Adds commands that belong together; `names` are theirs. */
interface Group {
  readonly names: readonly string[];
  load(): Promise<(program: Command) => void>;
}

/** In the order of the help. Each is loaded when it is asked for: most of a command's start would be others' sources. */
const GROUPS: readonly Group[] = [
  { names: ['serve', 'up'], load: async () => (await import('./serve.ts')).addServeCommands },
  { names: ['call'], load: async () => (await import('./call.ts')).addCallCommand },
  { names: ['keygen', 'id'], load: async () => (await import('./keys.ts')).addKeyCommands },
  { names: ['keys'], load: async () => (await import('./key-rotation.ts')).addKeyRotationCommands },
  { names: ['lookup'], load: async () => (await import('./lookup.ts')).addLookupCommands },
  {
    names: ['broadcaster', 'pub', 'sub'],
    load: async () => (await import('./pubsub.ts')).addPubsubCommands,
  },
  {
    names: ['peers', 'tell', 'shout', 'send', 'inbox', 'chat'],
    load: async () => (await import('./peers.ts')).addPeerCommands,
  },
  { names: ['console'], load: async () => (await import('./console.ts')).addConsoleCommand },
  { names: ['doctor'], load: async () => (await import('./doctor.ts')).addDoctorCommand },
  { names: ['backup', 'restore'], load: async () => (await import('./backup.ts')).addBackupCommands },
  { names: ['topic-key'], load: async () => (await import('./topic-keys.ts')).addTopicKeyCommands },
  { names: ['deliveries'], load: async () => (await import('./deliveries.ts')).addDeliveriesCommand },
  {
    names: ['conformance', 'conformance-testee'],
    load: async () => (await import('./conformance.ts')).addConformanceCommands,
  },
];

/** The commands that `argv` may mean, nothing of which has run yet: all of them where it names none. */
export async function createProgram(argv: readonly string[] = []): Promise<Command> {
  const program = new Command('sotto')
    .description('Short, private messages between programs.')
    .version(version())
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'sotto: ')) })
    .showHelpAfterError('(--help tells more)');
  const [name = ''] = argv;
  const meant = GROUPS.filter(({ names }) => names.includes(name));
  for (const { load } of meant.length > 0 || isVersion(name) ? meant : GROUPS) (await load())(program);
  inheritSettings(program);
  return program;
}

function isVersion(name: string): boolean {
  return name === '--version' || name === '-V';
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
