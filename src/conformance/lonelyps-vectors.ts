/** What the vectors of lonelyps name as its Python does, in the names of this house. */

import type { LonelypsRevision } from '../wire/lonelyps-stateful.ts';
import type { Fields } from './case.ts';

/** A WebSocket message of the vectors. */
export interface StatefulVector {
  readonly kind: string;
  readonly name: string;
  readonly revision: LonelypsRevision;
  readonly direction: 's2b' | 'b2s';
  readonly message: string;
  readonly cls: string;
  readonly minimal: boolean;
  readonly fields: Fields | null;
  readonly recipe?: Fields;
  readonly hex: string;
  readonly length: number;
  readonly sha512: string;
  readonly first64: string;
}

/** The Python's names, whose bodies and hashes are called differently with and without compression. */
const MEMBERS: Readonly<Record<string, string>> = {
  subscriber_nonce: 'subscriberNonce',
  broadcaster_nonce: 'broadcasterNonce',
  enable_zstd: 'enableZstd',
  enable_training: 'enableTraining',
  initial_dict: 'initialDictionary',
  num_subscribers: 'subscribers',
  compressor_id: 'compressor',
  compression_level: 'level',
  min_size: 'minSize',
  max_size: 'maxSize',
  part_id: 'part',
  compressed_length: 'compressedLength',
  decompressed_length: 'decompressedLength',
  verified_compressed_sha512: 'sha512',
  verified_uncompressed_sha512: 'sha512',
  unverified_compressed_sha512: 'sha512',
  unverified_uncompressed_sha512: 'sha512',
  compressed_message: 'body',
  uncompressed_message: 'body',
  payload: 'body',
  dictionary: 'body',
};
/** 64 bits, as text; null is 0. */
const BIG: ReadonlySet<string> = new Set([
  'compressor',
  'part',
  'compressedLength',
  'decompressedLength',
  'maxSize',
]);

/** The message's members and its type; of a message too long to list, by its recipe. */
export function statefulFields(vector: StatefulVector): Fields {
  const type = typeOf(vector);
  const fields: Record<string, unknown> = { type };
  for (const [name, value] of Object.entries(vector.fields ?? fromRecipe(vector.recipe ?? {}))) {
    const isZstd = /zstd/.test(type) && name === 'identifier';
    const member = isZstd ? 'compressor' : (MEMBERS[name] ?? name);
    const isBig = BIG.has(member) || (member === 'subscribers' && type === 'confirm-notify');
    if (name === 'uncompressed_length') {
      fields.compressedLength = String(value);
      fields.decompressedLength = String(value);
    } else fields[member] = isBig ? String(value ?? 0) : value;
  }
  if (type.endsWith('-start')) delete fields.part;
  if (type === 'notify') {
    fields.decompressedLength ??= String(String(fields.body).length / 2);
    delete fields.compressedLength;
  }
  return fields;
}

function typeOf({ message, cls }: StatefulVector): string {
  const type = message.toLowerCase().replaceAll('_', '-');
  if (!type.endsWith('-stream')) return type;
  return cls.endsWith('Continuation') ? `${type}-part` : `${type}-start`;
}

/** The only recipe: a topic of so many letters a. */
function fromRecipe({ topic, ...rest }: Fields): Fields {
  const count = Number(/repeated (\d+) times/.exec(String(topic))?.[1]);
  return { ...rest, topic: '61'.repeat(count) };
}
