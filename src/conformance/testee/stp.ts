/** STP's frames, its encryption, and what a node does with what comes. */

import { createHash, createPrivateKey } from 'node:crypto';
import { legacyCrypto } from '#legacy-crypto';
import { type Bytes, concat, EMPTY } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../bytes/text.ts';
import { codeOf } from '../../errors.ts';
import { LegacyNodeKey, LegacyPeerKey, MAX_LEGACY_BODY } from '../../peers/legacy/rsa-oaep.ts';
import {
  decodeStpBody,
  decodeStpFrame,
  encodeStpBody,
  encodeStpFrame,
  PEER_JOIN,
  readStpSizes,
  StpFrameReader,
  type StpHeader,
} from '../../wire/stp.ts';
import type { Fields } from '../case.ts';
import { bytesOf, numberOf, optionalText, textOf, textsOf } from '../fields.ts';
import type { Operations } from './operations.ts';

/** What the node of the kit listens to. */
const ROUTE = '/test-route';

export const stpOperations: Operations = {
  pack: (input) => ({
    frame: encodeHex(encodeStpFrame({ header: headerOf(input), body: encodeStpBody(input.msg) })),
  }),
  sizes: (input) => ({ ...(readStpSizes(bytesOf(input, 'bytes')) ?? { headerSize: null, bodySize: null }) }),
  'oaep-encrypt': sealed,
  'oaep-decrypt': (input) => ({ plaintext: encodeHex(nodeOf(input).open(bytesOf(input, 'ciphertext'))) }),
  receive: (input) => received(input),
  peer(input) {
    const frames = textsOf(input, 'frames').map((frame) => decodeStpFrame(decodeHex(frame)));
    return recordOf(frames.at(-1)?.header ?? { user: '', encrypted: false }, textOf(input, 'sender'));
  },
};

function headerOf(input: Fields): StpHeader {
  const session = optionalText(input, 'session');
  const publicKey = optionalText(input, 'publicKey');
  return {
    ...(session === null ? {} : { session }),
    namespace: textOf(input, 'namespace'),
    user: textOf(input, 'user'),
    hostname: textOf(input, 'hostname'),
    udpport: numberOf(input, 'udpport'),
    tcpport: numberOf(input, 'tcpport'),
    encrypted: false,
    ...(publicKey === null ? {} : { publicKey }),
  };
}

/** The platform draws the seed of OAEP itself; a seed that is told needs the padding made here. */
function sealed(input: Fields): Fields {
  const [announced, plaintext] = [textOf(input, 'publicKey'), bytesOf(input, 'plaintext')];
  const seed = optionalText(input, 'seed');
  const peer = LegacyPeerKey.read(announced);
  if (seed === null) return { ciphertext: encodeHex(peer.seal(plaintext)) };
  const key = legacyCrypto.rsa.importPublicDer(decodeHex(peer.publicKey));
  const block = oaepBlock(plaintext, decodeHex(seed));
  return { ciphertext: encodeHex(legacyCrypto.rsa.encryptRaw(key, block)) };
}

/** OAEP's block, by RFC 8017. */
export function oaepBlock(plaintext: Bytes, seed: Bytes): Bytes {
  const padding = new Uint8Array(MAX_LEGACY_BODY - plaintext.length);
  const data = concat(sha1(EMPTY), padding, Uint8Array.of(1), plaintext);
  const maskedData = masked(data, seed);
  return concat(Uint8Array.of(0), masked(seed, maskedData), maskedData);
}

export function masked(data: Bytes, by: Bytes): Bytes {
  const blocks = Array.from({ length: Math.ceil(data.length / 20) }, (_, at) =>
    sha1(concat(by, Uint8Array.of(0, 0, 0, at))),
  );
  const mask = concat(...blocks);
  return data.map((byte, at) => byte ^ (mask[at] ?? 0));
}

function sha1(bytes: Bytes): Bytes {
  return new Uint8Array(createHash('sha1').update(bytes).digest());
}

function nodeOf(input: Fields): LegacyNodeKey {
  const der = Buffer.from(bytesOf(input, 'privateKey'));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return LegacyNodeKey.from(key.export({ type: 'pkcs8', format: 'pem' }).toString());
}

const DROPPED: Fields = { outcome: 'dropped' };

/** A frame as it comes, over UDP whole, over TCP off a stream that then ends. */
function received(input: Fields): Fields {
  const bytes = bytesOf(input, 'frame');
  const isStream = input.protocol === 'TCP';
  try {
    const whole = isStream ? throughReader(bytes) : bytes;
    if (whole === null) return DROPPED;
    const { header, body } = decodeStpFrame(whole);
    if (header.session === textOf(input, 'ownSession')) return DROPPED;
    const data = decodeStpBody(header.encrypted && body.length > 0 ? nodeOf(input).open(body) : body);
    return { outcome: outcomeOf(header, isStream), namespace: header.namespace ?? null, data };
  } catch (error) {
    if (/^(invalid_message|decrypt_failed|frame_too_large)$/.test(codeOf(error))) return DROPPED;
    throw error;
  }
}

function throughReader(bytes: Bytes): Bytes | null {
  const reader = new StpFrameReader();
  return reader.push(bytes) ?? reader.end();
}

function outcomeOf({ namespace }: StpHeader, isStream: boolean): 'delivered' | 'answers' | 'heard' {
  if (namespace === PEER_JOIN && !isStream) return 'answers';
  return namespace === ROUTE ? 'delivered' : 'heard';
}

/** The record of a peer, by the names of the wire. */
function recordOf({ session, publicKey, namespace, encrypted, ...same }: StpHeader, ip: string): Fields {
  return { ip, ...same, ...(publicKey === undefined ? {} : { public_key: publicKey }) };
}
