/** Multicast DNS by the library `multicast-dns`, which programs install that want it. */

import type { RemoteInfo } from 'node:dgram';
import type { MulticastDNS, QueryPacket, ResponsePacket } from 'multicast-dns';
import { messageOf, SottoError } from '../../errors.ts';
import type { InterfaceAddress, Mdns, MdnsEvents, MdnsRecord, MdnsSocket } from '../types.ts';
import { Neighbourhood } from './interfaces.ts';

type Library = typeof import('multicast-dns');
type Answers = NonNullable<ResponsePacket['answers']>;
type Questions = NonNullable<QueryPacket['questions']>;

const PORT = 5353;
/** RFC 6762, section 11. */
const TTL = 255;
/** What one who asks from another port may keep, s (RFC 6762, section 6.7). */
const LEGACY_TTL = 10;
/** Records that belong to one alone, so that newer ones take the place of older ones (RFC 6762, section 10.2). */
const UNIQUE: ReadonlySet<string> = new Set(['A', 'SRV', 'TXT']);

export async function loadMdns(): Promise<Mdns> {
  const library = await import('multicast-dns').then(
    (module) => module.default,
    (cause: unknown) => {
      const text = 'DNS-SD needs a package that is not installed; install it with: npm install multicast-dns';
      throw new SottoError('invalid_option', text, { cause });
    },
  );
  return { bind: (where, events) => bind(library, where, events) };
}

async function bind(
  library: Library,
  { name, address }: InterfaceAddress,
  events: MdnsEvents,
): Promise<MdnsSocket> {
  // Bound to its own address a socket would hear no multicast; so it hears all interfaces, and tells them apart.
  const mdns = library({ interface: address, bind: '0.0.0.0', ttl: TTL });
  await new Promise<void>((resolve, reject) => {
    mdns.on('ready', resolve);
    mdns.on('error', (cause: Error) => {
      mdns.destroy();
      const text = `multicast DNS cannot be listened for on ${name}: ${messageOf(cause)}`;
      reject(new SottoError('listen_failed', text, { cause }));
    });
  });
  const neighbourhood = new Neighbourhood('IPv4');
  const isHere = ({ address: from }: RemoteInfo): boolean =>
    (neighbourhood.interfaceOf(from) ?? name) === name;
  mdns.on('warning', () => {});
  mdns.on('query', (packet, from) => {
    if (isHere(from)) hearQuery(mdns, packet, { from, events });
  });
  mdns.on('response', ({ answers, additionals }, from) => {
    if (isHere(from)) events.onAnswer(recordsIn([...(answers ?? []), ...(additionals ?? [])]));
  });
  return socketOf(mdns);
}

function hearQuery(
  mdns: MulticastDNS,
  { id, questions = [], answers = [], authorities = [] }: QueryPacket,
  { from, events }: { readonly from: RemoteInfo; readonly events: MdnsEvents },
): void {
  const query = { questions, known: recordsIn(answers), claimed: recordsIn(authorities) };
  events.onQuery(query, (records) => {
    if (from.port === PORT) return mdns.respond(written(records));
    // No resolver of multicast DNS: it hears what is sent to it alone, as if by a plain DNS server.
    const short = records.map((record) => ({ ...record, ttl: Math.min(record.ttl, LEGACY_TTL) }));
    // Of what was asked only names of ours go back: others need not be such as can be written.
    const names = new Set(records.map(({ name }) => name.toLowerCase()));
    const echoed = questions.filter(({ name }) => names.has(name.toLowerCase()));
    mdns.respond({ id, questions: echoed, answers: short as Answers }, from);
  });
}

function socketOf(mdns: MulticastDNS): MdnsSocket {
  let last = Promise.resolve();
  const sent = (send: (done: () => void) => void): void => {
    const isSent = new Promise<void>(send);
    last = Promise.all([last, isSent]).then(() => {});
  };
  return {
    query: ({ questions, claimed }) => {
      const query = { questions: questions as Questions, authorities: claimed as Answers };
      sent((done) => mdns.query(query, () => done()));
    },
    answer: (records) => sent((done) => mdns.respond(written(records), () => done())),
    close: async () => {
      await last;
      await new Promise<void>((resolve) => mdns.destroy(resolve));
    },
  };
}

function written(records: readonly MdnsRecord[]): Answers {
  return records.map((record) => ({ ...record, flush: UNIQUE.has(record.type) })) as Answers;
}

/** Those of the kinds that matter here. */
function recordsIn(answers: Answers): MdnsRecord[] {
  return answers.flatMap((answer): MdnsRecord[] => {
    const { name } = answer;
    switch (answer.type) {
      case 'PTR':
      case 'A':
        return [{ name, ttl: answer.ttl ?? 0, type: answer.type, data: answer.data }];
      case 'SRV': {
        const { target, port } = answer.data;
        return [{ name, ttl: answer.ttl ?? 0, type: 'SRV', data: { target, port } }];
      }
      case 'TXT':
        return [{ name, ttl: answer.ttl ?? 0, type: 'TXT', data: [answer.data].flat().map(String) }];
      default:
        return [];
    }
  });
}
