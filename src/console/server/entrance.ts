/** Who may come in: whoever shows a link that the secrets made, once; and from then on, their cookie. */

import { SottoError } from '../../errors.ts';
import { RateLimiter } from '../../transport/rate-limiter.ts';
import { type ConsoleSecrets, findSecrets, newSecret, secretsFileIn, writeSecrets } from './secrets-file.ts';
import { newPass, openPass, type Pass, signPass } from './signed.ts';

const MINUTE = 60_000;
const LINK_LASTS = 10 * MINUTE;
const COOKIE_LASTS = 12 * 60 * MINUTE;
/** Wrong tokens that are looked at: a second, and at once. */
const GUESSES = { rate: 0.5, burst: 10 };

export type Entering = 'wrong' | 'too-often' | { readonly cookie: string };

export class Entrance {
  readonly #file: string;
  readonly #guesses: RateLimiter;
  /** Until when tokens that were used would be good. */
  readonly #used = new Map<string, number>();
  #secrets: ConsoleSecrets;

  /**
   * Takes the secrets of before, so that cookies outlast a restart, but for those of links.
   *
   * @throws SottoError `key_file_exposed`, `key_file_invalid`.
   */
  static async open(data: string, address: string): Promise<Entrance> {
    const file = secretsFileIn(data);
    const pages = (await findSecrets(file))?.pages ?? newSecret();
    const secrets = { address, pages, links: newSecret() };
    await writeSecrets(file, secrets);
    return new Entrance(file, secrets);
  }

  private constructor(file: string, secrets: ConsoleSecrets) {
    this.#file = file;
    this.#secrets = secrets;
    this.#guesses = new RateLimiter(GUESSES.rate, GUESSES.burst);
  }

  /** A fresh link, good once, for ten minutes. */
  link(): string {
    return linkOf(this.#secrets);
  }

  /** @param token what stands behind the `#` of a link. */
  enter(token: string): Entering {
    const now = Date.now();
    const pass = openPass(this.#secrets.links, token, now);
    if (pass === null || this.#used.has(pass.id)) return this.#guesses.take('') ? 'wrong' : 'too-often';
    for (const [id, until] of this.#used) if (until <= now) this.#used.delete(id);
    this.#used.set(pass.id, pass.until);
    return { cookie: this.#cookie(newPass(COOKIE_LASTS, now)) };
  }

  /** Whose cookie it is; `renewed` where it should be set anew, so that who stays need not come in again. */
  check(cookie: string): { readonly id: string; readonly renewed: string | null } | null {
    const now = Date.now();
    const pass = openPass(this.#secrets.pages, cookie, now);
    if (pass === null) return null;
    const isOld = pass.until - now < COOKIE_LASTS / 2;
    return { id: pass.id, renewed: isOld ? this.#cookie({ id: pass.id, until: now + COOKIE_LASTS }) : null };
  }

  /** No cookie and no link of before is good any more. */
  async leave(): Promise<void> {
    this.#secrets = { address: this.#secrets.address, pages: newSecret(), links: newSecret() };
    await writeSecrets(this.#file, this.#secrets);
  }

  /** Seconds. */
  get cookieLasts(): number {
    return COOKIE_LASTS / 1000;
  }

  #cookie(pass: Pass): string {
    return signPass(this.#secrets.pages, pass);
  }
}

/**
 * A link into the console of the node that has this data folder, without asking that node.
 *
 * @throws SottoError `key_file_missing`, `key_file_exposed`, `key_file_invalid`.
 */
export async function makeLink(data: string): Promise<string> {
  const secrets = await findSecrets(secretsFileIn(data));
  if (secrets) return linkOf(secrets);
  throw new SottoError(
    'key_file_missing',
    `No console has run with the data folder ${data}; sotto up starts one.`,
  );
}

/** Behind the `#`, which is sent nowhere: neither to logs nor to other pages. */
function linkOf({ address, links }: ConsoleSecrets): string {
  return `${address}/enter#${signPass(links, newPass(LINK_LASTS, Date.now()))}`;
}
