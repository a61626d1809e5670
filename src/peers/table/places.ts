/** Where one peer is said to be, and where it has proved to be. */

import { type PeerAddress, type Place, placeKey } from '../peer.ts';

/** Chosen: a machine with IPv4 and IPv6 on four interfaces. */
const MAX_VERIFIED = 8;

interface KnownPlace extends Place {
  lastHeard: number;
  /** When it was last given out to be asked, ms since 1970. */
  askedAt: number;
  isVerified: boolean;
}

export class Places {
  readonly #maxCandidates: number;
  /** The one heard of longest ago first. */
  readonly #places = new Map<string, KnownPlace>();

  constructor(maxCandidates: number) {
    this.#maxCandidates = maxCandidates;
  }

  isVerified(place: Place): boolean {
    return this.#places.get(placeKey(place))?.isVerified ?? false;
  }

  /** Somebody says that the peer is there. */
  hear(place: Place, now: number): void {
    const known = this.#places.get(placeKey(place));
    if (known?.isVerified) this.#put({ ...known, lastHeard: now });
    else if (known) this.#put({ ...known, ...place, lastHeard: now });
    else this.#put({ ...place, lastHeard: now, askedAt: Number.NEGATIVE_INFINITY, isVerified: false });
    this.#trim(false, this.#maxCandidates);
  }

  /**
   * The peer has proved to be there.
   *
   * @returns whether that is news.
   */
  verify(place: Place, now: number): boolean {
    const known = this.#places.get(placeKey(place));
    this.#put({ ...place, lastHeard: now, askedAt: known?.askedAt ?? now, isVerified: true });
    this.#trim(true, MAX_VERIFIED);
    return !known?.isVerified;
  }

  /** It did not answer there. The last place stays: it may be the way to it that is closed. */
  fail(place: Place): void {
    const known = this.#places.get(placeKey(place));
    if (!known) return;
    const others = [...this.#places.values()].filter((each) => each !== known);
    const isLast = known.isVerified ? !others.some((each) => each.isVerified) : others.length === 0;
    if (!isLast) this.#places.delete(placeKey(known));
  }

  /** Somebody else has proved to be there. */
  remove(place: Place): void {
    this.#places.delete(placeKey(place));
  }

  /** Forgets what was not heard of since `time`, but for the newest. */
  prune(time: number): void {
    for (const place of this.list().slice(1)) {
      if (place.lastHeard < time) this.remove(place);
    }
  }

  /**
   * Where to ask whether the peer is there: verified places first, of these the one asked longest ago.
   *
   * @param since what was asked after that time is not asked again.
   * @param place only there. Default anywhere.
   * @returns null where there is nothing to ask now.
   */
  ask(now: number, since: number, place?: Place): Place | null {
    const key = place && placeKey(place);
    const due = [...this.#places.values()]
      .filter((each) => each.askedAt <= since && (key === undefined || placeKey(each) === key))
      .sort(
        (left, right) => Number(right.isVerified) - Number(left.isVerified) || left.askedAt - right.askedAt,
      );
    const [first] = due;
    if (!first) return null;
    first.askedAt = now;
    const { host, udpPort, tcpPort } = first;
    return { host, udpPort, tcpPort };
  }

  /** Verified ones first, then newest first. */
  list(): PeerAddress[] {
    return [...this.#places.values()]
      .reverse()
      .sort((left, right) => Number(right.isVerified) - Number(left.isVerified))
      .map(({ host, udpPort, tcpPort, lastHeard, isVerified }) => ({
        host,
        udpPort,
        tcpPort,
        lastHeard,
        isVerified,
      }));
  }

  #put(place: KnownPlace): void {
    const key = placeKey(place);
    this.#places.delete(key);
    this.#places.set(key, place);
  }

  #trim(isVerified: boolean, most: number): void {
    const kept = [...this.#places.values()].filter((each) => each.isVerified === isVerified);
    for (const place of kept.slice(0, Math.max(0, kept.length - most))) this.remove(place);
  }
}
