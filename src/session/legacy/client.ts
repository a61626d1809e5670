import { sockets } from '#sockets';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import { SottoError, StatusError } from '../../errors.ts';
import { maxSickservWire, REKEY, type SickservPayload } from '../../wire/sickserv.ts';
import { ClientSession } from './client-session.ts';
import type { RekeyOptions } from './keys.ts';
import { type SickservClientOptions, splitEndpoint } from './options.ts';

const FAILED = 400;
const CONTENT_TYPE = 'text/plain';
const WHY: Readonly<Record<number, string>> = {
  404: 'it has no such endpoint',
  413: 'the payload is too long for it',
  500: 'it could not open the payload (another key or dialect?), or its handler failed',
  503: 'it is too busy',
};

/**
 * Asks a server of sickserv over HTTP. Nothing on this wire is safe: see docs/sickserv.md.
 *
 * @example
 * ```ts
 * import { SickservClient } from 'sotto/session/sickserv';
 * const url = 'http://127.0.0.1:1337';
 * await using client = new SickservClient({ initKey: 'yellow-submarine', dialect: 'plain', url, legacy: true });
 * console.log(await client.send({ endpoint: 'test', example: 'This is some example test data' }));
 * await client.rekey({ length: 32 });
 * ```
 */
export class SickservClient implements AsyncDisposable {
  readonly #session: ClientSession;
  readonly #closing = new AbortController();

  /** Sends nothing yet. @throws SottoError `invalid_option`, `invalid_key`, `invalid_url`. */
  constructor(options: SickservClientOptions) {
    this.#session = new ClientSession(options);
  }

  /** Who the server takes this client for. */
  get sysid(): string {
    return this.#session.sysid;
  }

  /**
   * Sends a payload to its `endpoint`, which is no part of what is sent; waits while the key is being changed.
   *
   * @param payload is left as it is.
   * @param options.signal gives up.
   * @returns what the endpoint answered.
   * @throws SottoError `invalid_argument`, `invalid_body`, `unreachable`, `timeout`, `aborted`, `closed`, and as
   * `unprocessPayload` does for the answer; StatusError for a status of 400 and more, which is all that the original
   * says.
   */
  async send(
    payload: SickservPayload | ReadonlyMap<string | number, unknown>,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<SickservPayload> {
    const { endpoint, rest } = splitEndpoint(payload);
    return this.#session.gate.pass(async () => this.#exchange(endpoint, this.#session.seal(rest), signal));
  }

  /**
   * Changes the key, after all that is on its way. The new one travels under the old: whoever has that, has all.
   *
   * @throws as `send` does; `invalid_key`, `invalid_option`. Then the server may have changed it all the same: ours
   * still takes the old one, the original does not.
   */
  async rekey(options: RekeyOptions = {}): Promise<void> {
    return this.#session.rekey(options, (wire) => this.#exchange(REKEY, wire));
  }

  /** Gives up what is on its way. */
  async close(): Promise<void> {
    this.#closing.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #exchange(endpoint: string, wire: string, signal?: AbortSignal): Promise<SickservPayload> {
    const { format, options } = this.#session;
    const url = this.#session.urlOf(endpoint, 'http');
    const late = AbortSignal.timeout(options.timeout);
    const gone = [this.#closing.signal, late, ...(signal ? [signal] : [])];
    const request = { contentType: CONTENT_TYPE, maxAnswer: maxSickservWire(format.maxPayload) };
    try {
      const answer = await sockets.post(url, {
        ...request,
        body: encodeUtf8(wire),
        signal: AbortSignal.any(gone),
      });
      if (answer.status >= FAILED) throw refused(url, answer.status);
      return this.#session.open(decodeUtf8(answer.body));
    } catch (cause) {
      if (this.#closing.signal.aborted) throw new SottoError('closed', 'This client is closed.');
      if (signal?.aborted) throw new SottoError('aborted', 'The request was given up.', { cause });
      if (late.aborted) throw new SottoError('timeout', `No answer of ${url} within ${options.timeout} ms.`);
      throw cause;
    }
  }
}

function refused(url: string, status: number): StatusError {
  const why = WHY[status] ?? 'it gives no reason';
  return new StatusError(status, `${url} answered with status ${status}: ${why}.`);
}
