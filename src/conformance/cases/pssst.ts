/** PSSST's cipher suite 1: the vectors of pypssst, what is altered on the way, and exchanges with fresh keys. */

import { decodeHex, encodeHex } from '../../bytes/text.ts';
import { type Acceptable, type Case, caseOf, type Fields, type Question } from '../case.ts';
import { cut, type Damaged, flipped, longer } from '../damage.ts';
import { textOf } from '../fields.ts';
import { acceptsOf, readVectors, type Vector } from '../vectors.ts';
import { exchangeCases } from './exchange.ts';

const FAMILY = 'pssst';
/** Where flags, suite, exchange parameter and a client's proof end. */
const EDGES = [0, 2, 4, 36, 52, 100, 116];
/** Of a reply's flags pypssst does not notice the unknown ones; see the vectors. */
const AFTER_FLAGS = 2;

export function pssstCases(): Case[] {
  const vectors = readVectors('pssst').vectors as readonly (Vector & {
    readonly originals_differ?: object;
  })[];
  return [
    ...vectors.map((vector) => caseOf(FAMILY, { ...questionOf(vector), accepts: accepted(vector) })),
    ...damagedRequests(vectors),
    ...damagedReplies(vectors),
    ...exchangeCases(FAMILY, 1),
  ];
}

function questionOf({ op: operation, name, input }: Vector): Omit<Question, 'accepts'> {
  return { operation, name, input };
}

function accepted(vector: Vector & { readonly originals_differ?: object }): readonly Acceptable[] {
  const { op, output } = vector;
  if (output === undefined) return acceptsOf(vector);
  if (op === 'pack-request') return [{ output: { packet: output.packet } }];
  if (op === 'unpack-reply-sequence') return [{ output: { results: resultsOf(output) } }];
  return vector.originals_differ ? [...acceptsOf(vector), 'rejected'] : acceptsOf(vector);
}

/** Why a reply was rejected is nobody's business. */
function resultsOf({ results }: Fields): Fields[] {
  return (results as Fields[]).map((result) => ('message' in result ? result : { rejected: true }));
}

/** The first good vectors without and with a client's proof, whose messages have more than a few bytes. */
function samples(vectors: readonly Vector[], op: string, member: string): Fields[] {
  const good = vectors.filter(
    (each) => each.op === op && each.output && textOf(each.output, 'message').length > 20,
  );
  const flags = (vector: Vector): string => textOf(vector.input, member).slice(0, 2);
  const found = ['00', '40', '80', 'c0'].map((wanted) => good.find((each) => flags(each) === wanted)?.input);
  return found.filter((input) => input !== undefined);
}

function damagedRequests(vectors: readonly Vector[]): Case[] {
  return samples(vectors, 'unpack-request', 'packet').flatMap((input) => {
    const packet = decodeHex(textOf(input, 'packet'));
    const damaged = [...flipped(packet), ...cut(packet, EDGES), longer(packet)];
    return damaged.map((each) => rejectedCase('unpack-request', input, 'packet', each));
  });
}

function damagedReplies(vectors: readonly Vector[]): Case[] {
  return samples(vectors, 'unpack-reply', 'reply').flatMap((input) => {
    const reply = decodeHex(textOf(input, 'reply'));
    const damaged = [...flipped(reply, AFTER_FLAGS), ...cut(reply, EDGES), longer(reply)];
    return damaged.map((each) => rejectedCase('unpack-reply', input, 'reply', each));
  });
}

function rejectedCase(operation: string, input: Fields, member: string, { how, bytes }: Damaged): Case {
  const packet = textOf(input, member);
  const kind = (Number.parseInt(packet.slice(0, 2), 16) & 0x40) === 0 ? 'anonymous' : 'with proof';
  const altered = { ...input, [member]: encodeHex(bytes) };
  return caseOf(FAMILY, { operation, name: `${kind}: ${how}`, input: altered, accepts: ['rejected'] });
}
