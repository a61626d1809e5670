/** sickserv's payloads in both dialects: the vectors of nine releases. */

import { codecs } from '../../session/legacy/payload.ts';
import { openSickserv, type SickservVersion, sickservHabits } from '../../wire/sickserv.ts';
import { type Acceptable, type Case, caseOf, type Fields, type Question } from '../case.ts';
import { textOf } from '../fields.ts';
import { dialectOf, withoutBytes } from '../sickserv-values.ts';
import { acceptsOf, readVectors, type Vector } from '../vectors.ts';

const FAMILY = 'sickserv';
const MAX_PAYLOAD = 1024 * 1024;
/** Of the LZ4 dialect: every value comes back as bytes, UTF-8 or not. */
const READS_ALL: SickservVersion = '0.0.3';

export function sickservCases(): Case[] {
  return readVectors('sickserv')
    .vectors.flatMap(questionsOf)
    .map((question) => caseOf(FAMILY, question));
}

function questionsOf(vector: Vector): Question[] {
  const { op: operation, name, input, output, error } = vector;
  // A client without an endpoint to ask never gets as far as the wire.
  if (operation === 'process' && name.includes('send ')) return [];
  if (operation === 'rekey') return error ? [] : rekeyQuestions(name, input, output ?? {});
  if (operation === 'process' && output)
    return [{ operation, name, input, accepts: [madeAs(input, output)] }];
  return [{ operation, name, input, accepts: acceptsOf(vector) }];
}

/** A rekey is two payloads; then everything goes under the new key. */
function rekeyQuestions(name: string, { version, key, request }: Fields, output: Fields): Question[] {
  const { requestWire, replyWire, newKey, nextWire } = output;
  const read = opened(version, newKey, nextWire);
  return [
    {
      operation: 'process',
      name: `${name}: asked`,
      input: { version, key, payload: request },
      accepts: [madeAs({ version, key }, { wire: requestWire })],
    },
    {
      operation: 'unprocess',
      name: `${name}: answered`,
      input: { version, key, wire: replyWire },
      accepts: [{ output: { payload: opened(version, key, replyWire) } }],
    },
    {
      operation: 'unprocess',
      name: `${name}: under the new key`,
      input: { version, key: newKey, wire: nextWire },
      accepts: [{ output: { payload: read } }],
    },
  ];
}

/** The same bytes; of LZ4 the same content, for encoders choose. */
function madeAs({ version, key }: Fields, { wire }: Fields): Acceptable {
  if (dialectOf(version) === 'plain') return { output: { wire } };
  const expected = JSON.stringify(opened(READS_ALL, key, wire));
  return {
    describes: `what opens as ${expected}`,
    check: (output) => JSON.stringify(opened(READS_ALL, key, textOf(output, 'wire'))) === expected,
  };
}

function opened(version: unknown, key: unknown, wire: unknown): unknown {
  const habits = sickservHabits(dialectOf(version), version as SickservVersion);
  return withoutBytes(openSickserv(String(wire), String(key), habits, codecs, MAX_PAYLOAD));
}
