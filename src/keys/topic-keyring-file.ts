/** What lies in a topic keyring's file: JSON, guarded by the file's mode alone. */

import { SottoError } from '../errors.ts';

const VERSION = 1;
const FIELDS = ['sotto', 'version', 'topics', 'secrets'];

export interface TopicKeyringContent {
  readonly topics: readonly string[];
  /** As text; the first seals. */
  readonly secrets: readonly string[];
}

export function encodeTopicKeyringFile({ topics, secrets }: TopicKeyringContent): string {
  return `${JSON.stringify({ sotto: 'topic-keyring', version: VERSION, topics, secrets }, null, 2)}\n`;
}

/** @throws SottoError `key_file_invalid`. */
export function decodeTopicKeyringFile(text: string): TopicKeyringContent {
  const fields = parse(text);
  if (fields.sotto !== 'topic-keyring') throw invalid('it does not say {"sotto": "topic-keyring"}');
  if (fields.version !== VERSION) throw invalid(`its version is not ${VERSION}`);
  if (Object.keys(fields).some((name) => !FIELDS.includes(name))) {
    throw invalid('it has fields that are not known');
  }
  return { topics: texts(fields.topics, 'topics'), secrets: texts(fields.secrets, 'secrets') };
}

function parse(text: string): Record<string, unknown> {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON'); // without the cause, whose text repeats a piece of the file
  }
  if (typeof fields === 'object' && fields !== null) return fields as Record<string, unknown>;
  throw invalid('it is no object');
}

function texts(value: unknown, name: string): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw invalid(`its ${name} are no list of texts`);
}

function invalid(why: string): SottoError {
  return new SottoError('key_file_invalid', `This topic keyring cannot be used: ${why}.`);
}
