/** Our own additions: packets of every suite, formats, sealed topics, Noise. */

import { noisePrimitives } from '#noise-crypto';
import type { Bytes } from '../../bytes/bytes.ts';
import { EMPTY } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../bytes/text.ts';
import { HandshakeState, type NoiseProtocol, type Role } from '../../envelope/noise.ts';
import { TopicCipher } from '../../envelope/topic.ts';
import { Identity } from '../../keys/identity.ts';
import { TopicKeyring } from '../../keys/topic-keyring.ts';
import type { NoisePrimitives } from '../../platform/types.ts';
import type { Fields } from '../case.ts';
import { bytesOf, optionalText, textOf, textsOf } from '../fields.ts';
import { FORMATS } from '../native-formats.ts';
import type { Operations } from './operations.ts';
import { pssstOperations } from './pssst.ts';

export const nativeOperations: Operations = {
  ...pssstOperations(),
  ...Object.fromEntries(
    Object.entries(FORMATS).flatMap(([name, { encode, decode }]) => [
      [`encode-${name}`, (input: Fields) => ({ bytes: encodeHex(encode(input)) })],
      [`decode-${name}`, (input: Fields) => decode(bytesOf(input, 'bytes'))],
    ]),
  ),
  'open-topic': (input) => ({
    body: encodeHex(cipherOf(input).open(bytesOf(input, 'topic'), bytesOf(input, 'message'))),
  }),
  'seal-topic': (input) => ({
    message: encodeHex(cipherOf(input).seal(bytesOf(input, 'topic'), bytesOf(input, 'body'))),
  }),
  'noise-conversation': conversation,
  'noise-read-first': (input) => ({
    payload: encodeHex(endOf(input, 'responder').readMessage(bytesOf(input, 'message'))),
  }),
};

function cipherOf(input: Fields): TopicCipher {
  return new TopicCipher(TopicKeyring.from({ secrets: textOf(input, 'secret') }));
}

/** Both ends in turn, through the handshake and after it. */
function conversation(input: Fields): Fields {
  const ends = [endOf(input, 'initiator'), endOf(input, 'responder')] as const;
  const ciphertexts: string[] = [];
  const payloads = textsOf(input, 'payloads').map(decodeHex);
  for (; !ends[0].isFinished || !ends[1].isFinished; ) {
    const [writer, reader] = inTurn(ciphertexts.length, ends);
    const message = writer.writeMessage(payloads[ciphertexts.length] ?? EMPTY);
    reader.readMessage(message);
    ciphertexts.push(encodeHex(message));
  }
  const handshakeHash = encodeHex(ends[0].handshakeHash);
  const sessions = [ends[0].split(), ends[1].split()] as const;
  for (const payload of payloads.slice(ciphertexts.length)) {
    const [writer, reader] = inTurn(ciphertexts.length, sessions);
    const message = writer.sending.encryptWithAd(EMPTY, payload);
    reader.receiving.decryptWithAd(EMPTY, message);
    ciphertexts.push(encodeHex(message));
  }
  return { ciphertexts, handshakeHash };
}

function inTurn<End>(at: number, [initiator, responder]: readonly [End, End]): readonly [End, End] {
  return at % 2 === 0 ? [initiator, responder] : [responder, initiator];
}

function endOf(input: Fields, role: Role): HandshakeState {
  const given = input[role] as Fields;
  const [identity, remoteStaticKey] = [optionalText(given, 'static'), optionalText(given, 'remoteStatic')];
  const psk = optionalText(given, 'psk');
  return new HandshakeState({
    protocol: textOf(input, 'protocol') as NoiseProtocol,
    role,
    prologue: bytesOf(given, 'prologue'),
    primitives: withEphemeral(noisePrimitives, bytesOf(given, 'ephemeral')),
    ...(identity === null ? {} : { identity: Identity.from(identity) }),
    ...(remoteStaticKey === null ? {} : { remoteStaticKey }),
    ...(psk === null ? {} : { psk: decodeHex(psk) }),
  });
}

/** The same primitives, but that every fresh X25519 key is this one. */
export function withEphemeral(primitives: NoisePrimitives, raw: Bytes): NoisePrimitives {
  const { x25519 } = primitives;
  const privateKey = x25519.importPrivate(raw);
  const publicKey = x25519.publicKey(privateKey);
  return { ...primitives, x25519: { ...x25519, generate: () => ({ privateKey, publicKey }) } };
}
