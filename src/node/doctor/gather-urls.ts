/** Asks addresses of HTTP, and takes the time that they tell. */

import { cutText } from '../../bytes/text.ts';
import { messageOf } from '../../errors.ts';
import { hasCode } from '../../platform/node/files.ts';
import type { ClockFacts } from './judge-clock.ts';
import type { UrlFacts } from './judge-urls.ts';

const TIMEOUT = 3000;
const LONGEST_BODY = 300;

export type NamedUrl = Pick<UrlFacts, 'name' | 'url'>;

interface Asked {
  readonly facts: UrlFacts;
  /** Whether anything listens; it may say nothing, though. */
  readonly isThere: boolean;
  /** The clock there less ours, ms; null where it was not told. */
  readonly ahead: number | null;
}

export interface UrlsSeen {
  readonly urls: readonly UrlFacts[];
  readonly otherClock: ClockFacts['other'];
}

/**
 * @param named addresses that should answer.
 * @param usual those that are told of where something listens, and not otherwise.
 */
export async function gatherUrls(named: readonly string[], usual: readonly NamedUrl[]): Promise<UrlsSeen> {
  const others = usual.filter(({ url }) => !named.includes(url));
  const [chosen, found] = await Promise.all([
    Promise.all(named.map((url) => ask({ name: url, url, takesRefusal: false }))),
    Promise.all(others.map((each) => ask({ ...each, takesRefusal: true }))),
  ]);
  const teller = chosen.find(({ ahead }) => ahead !== null);
  const there = found.filter(({ isThere }) => isThere);
  return {
    urls: [...chosen, ...there].map(({ facts }) => facts),
    otherClock: teller?.ahead == null ? null : { ahead: teller.ahead, whose: teller.facts.url },
  };
}

async function ask(place: Pick<UrlFacts, 'name' | 'url' | 'takesRefusal'>): Promise<Asked> {
  try {
    const asked = Date.now();
    const response = await fetch(place.url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT) });
    const between = (asked + Date.now()) / 2;
    const told = Date.parse(response.headers.get('date') ?? '');
    const body = cutText(await response.text(), LONGEST_BODY);
    return {
      facts: { ...place, answer: { status: response.status, body } },
      isThere: true,
      ahead: Number.isNaN(told) ? null : told - between,
    };
  } catch (error) {
    const answer = { unreachable: `${reasonOf(error)}.` };
    return { facts: { ...place, answer }, isThere: !isRefused(error), ahead: null };
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && hasCode(error.cause, 'ECONNREFUSED');
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.message !== '' ? cause.message : messageOf(error);
}
