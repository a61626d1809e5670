/** The program under test: a child that is asked line by line, and started again where it fails. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { messageOf, SottoError } from '../errors.ts';
import type { Answer, Fields } from './case.ts';

// Chosen. The longest message of a case has 65 thousand bytes, in hex.
const MAX_LINE = 4 * 1024 * 1024;
/** What it said last before it ended, characters. */
const KEPT_ERRORS = 2000;

export interface TesteeOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** How long an answer may take, ms; the first one includes the start. */
  readonly timeout: number;
}

export interface Question {
  readonly family: string;
  readonly operation: string;
  readonly input: Fields;
}

export class Testee implements AsyncDisposable {
  readonly #options: TesteeOptions;
  #running: Running | null = null;
  #lastId = 0;
  #isClosed = false;

  constructor(options: TesteeOptions) {
    this.#options = options;
  }

  /**
   * One question, one answer. A program that fails to answer is ended, and starts anew with the next question.
   *
   * @throws SottoError `aborted` once this is closed, `closed` where it ended, `timeout`, `invalid_message` for what is no
   * answer, `frame_too_large`, `invalid_argument` where it cannot be started.
   */
  async ask(question: Question): Promise<Answer> {
    if (this.#isClosed) throw new SottoError('aborted', 'The program is not asked any more.');
    this.#running ??= new Running(this.#options);
    const id = ++this.#lastId;
    try {
      const line = await this.#running.exchange(asciiJson({ id, ...question }));
      return answerIn(line, id);
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  /** Ends the program for good. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#end();
  }

  async #end(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** One start of the program. */
class Running {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #timeout: number;
  readonly #ended = Promise.withResolvers<void>();
  #waiting: PromiseWithResolvers<string> | null = null;
  #failure: SottoError | null = null;
  #received: string[] = [];
  #length = 0;
  #errors = '';

  constructor({ command, args, timeout }: TesteeOptions) {
    this.#timeout = timeout;
    const child = spawn(command, args, { stdio: 'pipe', detached: process.platform !== 'win32' });
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => this.#take(chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors = (this.#errors + chunk).slice(-KEPT_ERRORS);
    });
    // It may end while it is written to; that it ended is told by `close`.
    child.stdin.on('error', () => {});
    child.on('error', (cause) => {
      const text = `"${command}" cannot be started: ${messageOf(cause)}.`;
      this.#fail(new SottoError('invalid_argument', text, { cause }));
      this.#ended.resolve();
    });
    child.on('close', (code, signal) => {
      const said = this.#errors.trim().split('\n').at(-1);
      const how = signal === null ? `exit code ${code}` : signal;
      this.#fail(new SottoError('closed', `It ended without an answer (${how})${said ? `: ${said}` : '.'}`));
      this.#ended.resolve();
    });
  }

  async exchange(line: string): Promise<string> {
    if (this.#failure) throw this.#failure;
    const waiting = Promise.withResolvers<string>();
    this.#waiting = waiting;
    const timer = setTimeout(() => {
      this.#fail(new SottoError('timeout', `It did not answer within ${this.#timeout} ms.`));
    }, this.#timeout);
    this.#child.stdin.write(`${line}\n`);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting = null;
    }
  }

  async end(): Promise<void> {
    const { pid, stdin, stdout, stderr } = this.#child;
    if (pid !== undefined) kill(pid); // what it has started may hold the pipes when it has ended itself
    for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
    await this.#ended.promise;
  }

  #fail(error: SottoError): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
  }

  #take(chunk: string): void {
    if (this.#failure) return;
    const end = chunk.indexOf('\n');
    this.#length += end === -1 ? chunk.length : end;
    if (this.#length > MAX_LINE) {
      return this.#fail(new SottoError('frame_too_large', `Its line has over ${MAX_LINE} characters.`));
    }
    this.#received.push(end === -1 ? chunk : chunk.slice(0, end));
    if (end === -1) return;
    const line = this.#received.join('');
    this.#received = [];
    this.#length = 0;
    if (this.#waiting === null || chunk.length > end + 1) {
      return this.#fail(new SottoError('invalid_message', 'It said more than one line to one question.'));
    }
    this.#waiting.resolve(line);
  }
}

/** With what it started itself, such as the interpreter behind a script: it leads a group of its own. */
function kill(pid: number): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** Many programs take more for a line end than `\n`: nothing of that is sent. */
function asciiJson(value: object): string {
  const escaped = (character: string): string =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[\u007f-\uffff]/g, escaped);
}

function answerIn(line: string, id: number): Answer {
  const answer = parsed(line);
  if (answer.id !== id) throw garbled(line, `its id is not ${id}`);
  if (answer.unsupported === true) return { kind: 'unsupported' };
  if (answer.rejected === true) return { kind: 'rejected' };
  const { output } = answer;
  if (typeof output === 'object' && output !== null && !Array.isArray(output)) {
    return { kind: 'output', output: output as Fields };
  }
  throw garbled(line, 'it has neither an output that is an object, nor rejected or unsupported');
}

function parsed(line: string): Fields {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Fields;
  } catch {
    // said below
  }
  throw garbled(line, 'it is no object of JSON');
}

function garbled(line: string, why: string): SottoError {
  return new SottoError('invalid_message', `It answered ${JSON.stringify(line.slice(0, 200))}: ${why}.`);
}
