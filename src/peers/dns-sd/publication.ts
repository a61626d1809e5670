/**
 * Tells other tools by DNS-SD that this node is there: takes a name that nobody has, announces it on every interface,
 * answers who asks, gives it up where somebody has it with more right, and takes it back at the end.
 *
 * Nothing that is heard here is believed: peers are found by their own frames alone. Source: RFC 6762, sections 8 to 10.
 */

import type { Logger } from '../../app/message.ts';
import { messageOf } from '../../errors.ts';
import type { InterfaceAddress, Mdns, MdnsQuery, MdnsRecord, MdnsSocket } from '../../platform/types.ts';
import type { Counters } from '../../sealed/counters.ts';
import { RateLimiter } from '../../transport/rate-limiter.ts';
import { answersTo, instanceName, isOwn, recordsOf, rivalIn, type Service, shortId } from './service.ts';

interface PublicationOptions {
  readonly service: Service;
  readonly mdns: Mdns;
  readonly counters: Counters;
  readonly log: Logger;
}

interface Station {
  readonly where: InterfaceAddress;
  readonly socket: MdnsSocket;
}

// Specified: how often a name is asked for before it is taken, and how often it is announced; ms between two.
const PROBES = 3;
const PROBE_EVERY = 250;
const ANNOUNCEMENTS = 2;
const ANNOUNCE_EVERY = 1000;
// Chosen.
const ANSWER_RATE = 20;
const ANSWER_BURST = 60;
/** Whoever takes so many names from us, wants us to have none. */
const MOST_NAMES = 50;

export class Publication {
  readonly #options: PublicationOptions;
  readonly #stations = new Map<string, Station>();
  readonly #answers = new RateLimiter(ANSWER_RATE, ANSWER_BURST);
  #number = 1;
  #state: 'probing' | 'published' | 'closed' | 'given up' = 'probing';
  /** Whether others know this name as ours. */
  #isTold = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #following: Promise<void> = Promise.resolve();

  constructor(options: PublicationOptions) {
    this.#options = options;
  }

  /** The interfaces that are in use from now on. Never rejects. */
  follow(current: readonly InterfaceAddress[]): Promise<void> {
    this.#following = this.#following.then(() => this.#follow(current));
    return this.#following;
  }

  /** Takes back what was told. */
  async close(): Promise<void> {
    if (this.#isTold) this.#say((records) => records.filter(isOwn).map(gone));
    this.#state = 'closed';
    clearTimeout(this.#timer);
    await this.#following;
    await Promise.all([...this.#stations.values()].map(({ socket }) => socket.close()));
  }

  get #instance(): string {
    return instanceName(this.#options.service, this.#number);
  }

  async #follow(current: readonly InterfaceAddress[]): Promise<void> {
    if (this.#state === 'closed') return;
    for (const [address, { socket }] of this.#stations) {
      if (current.some((each) => each.address === address)) continue;
      this.#stations.delete(address);
      await socket.close();
    }
    let isNew = false;
    for (const where of current) {
      if (!this.#stations.has(where.address)) isNew = (await this.#enter(where)) || isNew;
    }
    // Somebody may have the name there.
    if (isNew) this.#probe();
  }

  async #enter(where: InterfaceAddress): Promise<boolean> {
    const { mdns, log } = this.#options;
    try {
      const socket = await mdns.bind(where, {
        onQuery: (query, answer) => this.#hearQuery(where, query, answer),
        onAnswer: (records) => this.#hearAnswer(records),
      });
      this.#stations.set(where.address, { where, socket });
      return true;
    } catch (error) {
      log.warn({ interface: where.name, reason: messageOf(error) }, 'DNS-SD cannot be spoken here');
      return false;
    }
  }

  #probe(sent = 0): void {
    if (this.#state === 'closed' || this.#state === 'given up') return;
    this.#state = 'probing';
    if (sent === PROBES) return this.#publish();
    const instance = this.#instance;
    for (const { where, socket } of this.#stations.values()) {
      const claimed = this.#records(where).filter(({ name }) => name === instance);
      socket.query({ questions: [{ name: instance, type: 'ANY' }], claimed });
    }
    this.#later(PROBE_EVERY, () => this.#probe(sent + 1));
  }

  #publish(sent = 0): void {
    this.#state = 'published';
    this.#isTold = true;
    this.#say((records) => records);
    if (sent + 1 < ANNOUNCEMENTS) this.#later(ANNOUNCE_EVERY, () => this.#publish(sent + 1));
  }

  #hearQuery(
    where: InterfaceAddress,
    { questions, known, claimed }: MdnsQuery,
    answer: (records: readonly MdnsRecord[]) => void,
  ): void {
    if (this.#state === 'probing') return this.#yieldTo(claimed, this.#isGreater);
    if (this.#state !== 'published') return;
    const records = answersTo(questions, known, this.#records(where));
    if (records.length === 0) return;
    if (!this.#answers.take(where.address)) return this.#options.counters.add('dns_sd_limited');
    answer(records);
  }

  #hearAnswer(records: readonly MdnsRecord[]): void {
    if (this.#state === 'probing') return this.#yieldTo(records, () => true);
    if (this.#state !== 'published' || this.#rival(records) === null) return;
    // Networks have been joined, and two have it by right.
    if (!this.#answers.take('rivals')) return this.#options.counters.add('dns_sd_limited');
    this.#yieldTo(records, this.#isGreater);
    if (this.#state === 'published') this.#say((records) => records);
  }

  /** Takes another name where somebody claims this one who is to have it. */
  #yieldTo(records: readonly MdnsRecord[], isToHaveIt: (rival: string) => boolean): void {
    const rival = this.#rival(records);
    if (rival === null || !isToHaveIt(rival)) return;
    const { counters, log } = this.#options;
    counters.add('dns_sd_renamed');
    this.#number += 1;
    this.#isTold = false; // it is the other's now, and not to be taken back
    if (this.#number <= MOST_NAMES) return this.#probe();
    this.#state = 'given up';
    clearTimeout(this.#timer);
    log.warn({ names: MOST_NAMES }, 'others have every name that was tried by DNS-SD, which is given up');
  }

  #rival(records: readonly MdnsRecord[]): string | null {
    return rivalIn(records, this.#instance, this.#options.service);
  }

  /** One that is no node of ours keeps what it has. */
  readonly #isGreater = (rival: string): boolean => rival === '' || rival > shortId(this.#options.service);

  #say(change: (records: readonly MdnsRecord[]) => readonly MdnsRecord[]): void {
    for (const { where, socket } of this.#stations.values()) socket.answer(change(this.#records(where)));
  }

  #records({ address }: InterfaceAddress): MdnsRecord[] {
    return recordsOf(this.#options.service, this.#instance, address);
  }

  #later(after: number, work: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(work, after);
    this.#timer.unref?.();
  }
}

function gone(record: MdnsRecord): MdnsRecord {
  return { ...record, ttl: 0 };
}
