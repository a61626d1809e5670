/** What both clients share: who they are, under which keys, and how a key is changed. */

import { primitives } from '#crypto';
import { encodeHex } from '../../bytes/text.ts';
import { type SickservPayload, sickservPath } from '../../wire/sickserv.ts';
import { Gate } from './gate.ts';
import { answeredKey, type RekeyOptions, rekeyRequest } from './keys.ts';
import { type ResolvedClientOptions, resolveClientOptions, type SickservClientOptions } from './options.ts';
import { PayloadFormat } from './payload.ts';
import { warnOfSickserv } from './warning.ts';

const SYSID_SIZE = 6;

export class ClientSession {
  readonly sysid: string;
  readonly options: ResolvedClientOptions;
  readonly format: PayloadFormat;
  readonly gate: Gate = new Gate();
  #key: string;
  /** What the server has sent before it changed the key may come after. */
  #before: string | null = null;

  /** @throws SottoError `invalid_option`, `invalid_key`, `invalid_url`. */
  constructor(options: SickservClientOptions) {
    this.options = resolveClientOptions(options);
    this.format = new PayloadFormat(options);
    this.sysid = options.sysid ?? encodeHex(primitives.randomBytes(SYSID_SIZE));
    this.#key = this.options.initKey;
    warnOfSickserv(options);
  }

  /** Where an endpoint is. */
  urlOf(endpoint: string, kind: 'http' | 'ws'): string {
    const { url } = this.options;
    const scheme = /s:$/.test(url.protocol) ? `${kind}s` : kind;
    const base = url.pathname.replace(/\/+$/, '');
    return `${scheme}://${url.host}${base}${sickservPath(endpoint, this.sysid, this.format.habits)}`;
  }

  /** @throws SottoError `invalid_argument`, `invalid_body`. */
  seal(payload: object): string {
    return this.format.seal(payload, this.#key);
  }

  /** @throws SottoError for what opens under no key of ours. */
  open(wire: string): SickservPayload {
    try {
      return this.format.open(wire, this.#key);
    } catch (error) {
      if (this.#before === null) throw error;
      return this.format.open(wire, this.#before);
    }
  }

  /** @param ask sends a sealed request to the endpoint of keys, and brings the answer, opened. */
  rekey(options: RekeyOptions, ask: (wire: string) => Promise<SickservPayload>): Promise<void> {
    const request = rekeyRequest(options);
    return this.gate.alone(async () => {
      const key = answeredKey(await ask(this.seal(request)));
      this.#before = this.#key;
      this.#key = key;
    });
  }
}
