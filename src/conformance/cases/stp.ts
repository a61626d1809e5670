/** STP's frames and its encryption: the vectors of both its releases, and what is altered on the way. */

import { createPrivateKey } from 'node:crypto';
import { decodeHex, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { LegacyNodeKey } from '../../peers/legacy/rsa-oaep.ts';
import { type Acceptable, type Case, caseOf, type Fields, type Question } from '../case.ts';
import { cut, type Damaged, flipped } from '../damage.ts';
import { textOf } from '../fields.ts';
import { acceptsOf, readVectors, type Vector } from '../vectors.ts';

const FAMILY = 'stp';

interface StpVectors {
  readonly vectors: readonly Vector[];
  readonly own: { readonly udp_session: string } & Fields;
  readonly keys: { readonly node: Readonly<Record<'publicKeyHeader' | 'pkcs8' | 'spki', string>> };
}

const { vectors, own, keys } = readVectors<StpVectors>('stp');

const LONG_NAME = 65_600;
/** The original fails on both by its own fault. */
const NEVER_MADE = /^pack encrypted/;
/** Floats that are whole: JSON, by which the kit asks, knows one kind of number. What it has no value for is left out too. */
const NEVER_ASKED = /(whole|big) float$/;

export function stpCases(): Case[] {
  return [
    ...vectors.flatMap(questionsOf),
    headerTooLong(),
    ...damagedFrames(),
    ...damagedBodies(),
    ...sealedBodies(),
  ].map((question) => caseOf(FAMILY, question));
}

function questionsOf(vector: Vector): Question[] {
  const { op: operation, name, input, output } = vector;
  switch (operation) {
    case 'pack':
      if (NEVER_MADE.test(name) || NEVER_ASKED.test(name) || 'what' in input || isPython(input.msg))
        return [];
      return [{ operation, name, input: packInput(input), accepts: [{ output: { frame: output?.frame } }] }];
    case 'sizes':
      return [{ operation, name, input, accepts: acceptsOf(vector) }];
    case 'oaep-encrypt':
      return [{ operation, name, input: sealInput(input), accepts: sealedAs(vector) }];
    case 'oaep-decrypt':
      return [
        { operation, name, input: { ...input, privateKey: keys.node.pkcs8 }, accepts: acceptsOf(vector) },
      ];
    case 'receive':
      return input.frame === null
        ? []
        : [{ operation, name, input: receiveInput(input), accepts: outcomes(vector) }];
    case 'peer':
      return [{ operation, name, input, accepts: acceptsOf(vector) }];
    default:
      return []; // `expire` is a rule of time: no byte says it
  }
}

function isPython(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '$python' in value;
}

function packInput({ msg, namespace, session, withKey }: Fields): Fields {
  const { udp_session, ...self } = own;
  return { msg, namespace, session, ...self, publicKey: withKey === true ? keys.node.publicKeyHeader : null };
}

function headerTooLong(): Question {
  const input = packInput({ msg: 1, namespace: `/${'x'.repeat(LONG_NAME)}`, session: null, withKey: false });
  return { operation: 'pack', name: 'pack header over 65535 bytes', input, accepts: ['rejected'] };
}

function sealInput({ publicKey, seed, plaintext }: Fields): Fields {
  return { publicKey: publicKey ?? keys.node.spki, seed: seed ?? null, plaintext };
}

function sealedAs(vector: Vector): readonly Acceptable[] {
  const { input, output } = vector;
  if (output === undefined) return ['rejected'];
  return 'ciphertext' in output ? acceptsOf(vector) : [opensAs(textOf(input, 'plaintext'))];
}

function opensAs(plaintext: string): Acceptable {
  return {
    describes: `what opens as ${plaintext}`,
    check: (made) => encodeHex(node().open(decodeHex(textOf(made, 'ciphertext')))) === plaintext,
  };
}

function node(): LegacyNodeKey {
  const key = createPrivateKey({ key: Buffer.from(keys.node.pkcs8, 'hex'), format: 'der', type: 'pkcs8' });
  return LegacyNodeKey.from(key.export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** Whoever cannot choose the seed is judged by what opens. */
function sealedBodies(): Question[] {
  return ['', '{"msg":"hi"}', 'x'.repeat(86)].map((text) => {
    const plaintext = encodeHex(encodeUtf8(text));
    const name = `oaep encrypt ${text.length} bytes with a seed of its own`;
    const input = sealInput({ plaintext });
    return { operation: 'oaep-encrypt', name, input, accepts: [opensAs(plaintext)] };
  });
}

function receiveInput({ frame, protocol, sender }: Fields): Fields {
  return { frame, protocol, sender, ownSession: own.udp_session, privateKey: keys.node.pkcs8 };
}

const DROPPED: Acceptable = { output: { outcome: 'dropped' } };

/** What ends the listening of an original must be dropped, or taken where nothing but a name is strange. */
function outcomes({ name, output = {} }: Vector): readonly Acceptable[] {
  const [outcome = ''] = Object.keys(output);
  if (outcome === 'crashes') {
    const hello = { output: { outcome: 'delivered', namespace: '/test-route', data: 'hello' } };
    return / header names /.test(name) ? [hello] : [DROPPED];
  }
  if (outcome === 'dropped') return [DROPPED];
  const { namespace, data } = output[outcome] as Fields;
  if (outcome !== 'delivered') return [{ output: { outcome } }];
  return [{ output: { outcome, namespace, data } }];
}

function receiveVector(name: string): Fields {
  const vector = vectors.find((each) => each.name === name);
  if (vector === undefined) throw new TypeError(`There is no vector "${name}".`);
  return receiveInput(vector.input);
}

/** A frame cut short is no frame, over UDP and at the end of a stream. */
function damagedFrames(): Question[] {
  const input = receiveVector('receive UDP message');
  const frame = decodeHex(textOf(input, 'frame'));
  const edges = [1, 2, 6, 7, frame.length - 16];
  return ['UDP', 'TCP'].flatMap((protocol) =>
    [...cut(frame, edges)].map(({ how, bytes }) => ({
      operation: 'receive',
      name: `${protocol} message ${how}`,
      input: { ...input, protocol, frame: encodeHex(bytes) },
      accepts: [DROPPED],
    })),
  );
}

function damagedBodies(): Question[] {
  const vector = vectors.find(
    ({ op, output }) => op === 'oaep-decrypt' && textOf(output ?? {}, 'plaintext') !== '',
  );
  const ciphertext = decodeHex(textOf(vector?.input ?? {}, 'ciphertext'));
  const altered: Damaged[] = [...flipped(ciphertext), ...cut(ciphertext, [0])];
  return altered.map(({ how, bytes }) => ({
    operation: 'oaep-decrypt',
    name: `a body with ${how}`,
    input: { ciphertext: encodeHex(bytes), privateKey: keys.node.pkcs8 },
    accepts: ['rejected'],
  }));
}
