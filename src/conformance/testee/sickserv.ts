/** sickserv's payloads, of any version. */

import { codecs, processPayload, unprocessPayload } from '../../session/legacy/payload.ts';
import {
  decryptSickserv,
  encryptSickserv,
  type SickservPayload,
  type SickservVersion,
  sickservHabits,
  sickservPath,
  sickservUrl,
} from '../../wire/sickserv.ts';
import type { Fields } from '../case.ts';
import { numberOf, textOf } from '../fields.ts';
import { dialectOf, withBytes, withoutBytes } from '../sickserv-values.ts';
import type { Operations } from './operations.ts';

export const sickservOperations: Operations = {
  'rc4-encrypt': (input) => ({ hex: encryptSickserv(textOf(input, 'text'), textOf(input, 'key'), codecs) }),
  'rc4-decrypt': (input) => ({ text: decryptSickserv(textOf(input, 'hex'), textOf(input, 'key'), codecs) }),
  process(input) {
    const payload = withBytes(input.payload) as SickservPayload;
    return { wire: processPayload(textOf(input, 'key'), payload, optionsOf(input)) };
  },
  unprocess: (input) => ({
    payload: withoutBytes(unprocessPayload(textOf(input, 'key'), textOf(input, 'wire'), optionsOf(input))),
  }),
  url(input) {
    const version = versionOf(input);
    const habits = sickservHabits(dialectOf(version), version);
    const base = sickservUrl(textOf(input, 'server'), numberOf(input, 'port'), version);
    const path = sickservPath(textOf(input, 'endpoint'), textOf(input, 'sysid'), habits);
    return { method: 'POST', url: base + path };
  },
};

function versionOf(input: Fields): SickservVersion {
  return textOf(input, 'version') as SickservVersion;
}

function optionsOf(input: Fields): Parameters<typeof processPayload>[2] {
  const version = versionOf(input);
  return { dialect: dialectOf(version), version, legacy: true };
}
