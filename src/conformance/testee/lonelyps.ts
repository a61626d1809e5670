/** lonelyps: messages, bodies, authorization, etags, globs, compression and tracing. */

import { hmacSha512, sha512Of } from '#sha512';
import { zstd } from '#zstd';
import { decodeBase64 } from '../../bytes/base64.ts';
import { concat } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../bytes/text.ts';
import type { Authorized, Authorizer } from '../../pubsub/authorization/authorization.ts';
import { hmacAuth, tokenAuth } from '../../pubsub/authorization/config.ts';
import { ConnectionUrls } from '../../pubsub/stateful/connection-urls.ts';
import { globMatches } from '../../pubsub/topics/glob.ts';
import { encodeHmacHeader, signedBytes } from '../../wire/lonelyps-authorization.ts';
import {
  decodeToBroadcaster,
  decodeToSubscriber,
  encodeToBroadcaster,
  encodeToSubscriber,
  type LonelypsRevision,
  type ToBroadcaster,
  type ToSubscriber,
} from '../../wire/lonelyps-stateful.ts';
import {
  decodeAnswer,
  encodeAnswer,
  etagDocument,
  type GlobSubscription,
  type StatelessAnswer,
} from '../../wire/lonelyps-stateless.ts';
import { decodeSimpleTracing } from '../../wire/lonelyps-tracing.ts';
import type { Fields } from '../case.ts';
import { bytesOf, numberOf, optionalText, textOf, textsOf } from '../fields.ts';
import { exactsFrom, readBody, writeBody } from '../lonelyps-bodies.ts';
import { fieldsOf, membersFrom, messageFrom } from '../lonelyps-fields.ts';
import { signedOperation } from './lonelyps-operation.ts';
import type { Operations } from './operations.ts';

export const lonelypsOperations: Operations = {
  'encode-message'(input) {
    const revision = input.revision as LonelypsRevision;
    const message = messageFrom(input.message as Fields, revision);
    const options = { revision, minimal: input.minimal === true };
    const bytes =
      input.direction === 's2b'
        ? encodeToBroadcaster(message as ToBroadcaster, options)
        : encodeToSubscriber(message as ToSubscriber, options);
    return { bytes: encodeHex(bytes) };
  },
  'decode-message'(input) {
    const decode = input.direction === 's2b' ? decodeToBroadcaster : decodeToSubscriber;
    const message = decode(bytesOf(input, 'bytes'), { revision: input.revision as LonelypsRevision });
    return { message: fieldsOf(message) };
  },
  'encode-body': (input) => ({ body: encodeHex(writeBody(textOf(input, 'path'), input.fields as Fields)) }),
  'decode-body': async (input) => ({ fields: await readBody(textOf(input, 'path'), bytesOf(input, 'body')) }),
  'encode-answer': ({ fields }) => ({
    answer: encodeHex(encodeAnswer(membersFrom(fields as Fields) as unknown as StatelessAnswer)),
  }),
  'decode-answer': (input) => ({ fields: fieldsOf(decodeAnswer(bytesOf(input, 'answer'))) }),
  sign: signed,
  async verify(input) {
    const auth = hmacAuth({ toBroadcaster: textOf(input, 'secret'), now: () => 1000 * Number(input.now) });
    const verdicts: string[] = [];
    for (const header of input.authorizations as (string | null)[]) {
      verdicts.push(await verdictOf(auth.toBroadcaster, header, authorizedOf(input)));
    }
    return { verdicts };
  },
  token: async (input) => ({ authorization: await tokenOf(input).authorize(CHECK) }),
  'verify-token': async (input) => ({
    verdicts: [await verdictOf(tokenOf(input), optionalText(input, 'authorization'), CHECK)],
  }),
  etag(input) {
    const globs = input.globs as GlobSubscription[];
    const document = etagDocument(textOf(input, 'url'), exactsFrom(input.topics), globs);
    return { etag: encodeHex(sha512Of(concat(...document))) };
  },
  'connection-urls'(input) {
    const urls = new ConnectionUrls(bytesOf(input, 'subscriberNonce'), bytesOf(input, 'broadcasterNonce'));
    const length = numberOf(input, 'count');
    return {
      broadcaster: Array.from({ length }, () => urls.nextBroadcaster()),
      subscriber: Array.from({ length }, () => urls.nextSubscriber()),
    };
  },
  glob: (input) => ({
    matches: textsOf(input, 'topics').filter((topic) => globMatches(textOf(input, 'glob'), decodeHex(topic))),
  }),
  decompress(input) {
    const dictionary = optionalText(input, 'dictionary');
    const content = {
      dictionary: dictionary === null ? null : decodeHex(dictionary),
      length: numberOf(input, 'length'),
    };
    return { data: encodeHex(zstd.decompress(bytesOf(input, 'frame'), content)) };
  },
  'decode-tracing': (input) => fieldsOf(decodeSimpleTracing(bytesOf(input, 'tracing'))),
};

/** A header is made at a time and with a nonce of its own; here they are told. */
function signed(input: Fields): Fields {
  const [timestamp, nonce] = [numberOf(input, 'timestamp'), textOf(input, 'nonce')];
  const { operation, tracing } = authorizedOf(input);
  const bytes = signedBytes(operation, { timestamp, nonce, tracing });
  const secret = decodeBase64(
    textOf(input, 'secret').replaceAll('-', '+').replaceAll('_', '/').padEnd(88, '='),
  );
  const code = hmacSha512(secret, bytes);
  return { toSign: encodeHex(bytes), authorization: encodeHmacHeader({ timestamp, nonce, code }) };
}

function authorizedOf(input: Fields): Authorized {
  const fields = input.fields as Fields;
  return {
    operation: signedOperation(textOf(input, 'operation'), fields),
    tracing: bytesOf(fields, 'tracing'),
  };
}

/** Tokens say nothing of what they are for. */
const CHECK: Authorized = {
  operation: { kind: 'check', url: 'http://127.0.0.1/' },
  tracing: new Uint8Array(0),
};

function tokenOf(input: Fields): Authorizer {
  const token = textOf(input, 'token');
  const { toBroadcaster, toSubscriber } = tokenAuth({ toBroadcaster: token, toSubscriber: token });
  return input.side === 'to-broadcaster' ? toBroadcaster : toSubscriber;
}

async function verdictOf(authorizer: Authorizer, header: string | null, asked: Authorized): Promise<string> {
  const judgement = await authorizer.verify(header, asked);
  return (typeof judgement === 'string' ? judgement : judgement.verdict).toUpperCase();
}
