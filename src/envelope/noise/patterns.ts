/**
 * Handshake patterns as data: another pattern is its name and one line.
 *
 * Source: the Noise Protocol Framework, revision 34, sections 7 and 9 (patterns), 8 (names).
 */

import { SottoError } from '../../errors.ts';
import type { CipherName } from './cipher-state.ts';

export type Role = 'initiator' | 'responder';

/** Of two letters the first is a key of the initiator, the second one of the responder: what they agree on is mixed in. */
export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk';

export interface HandshakePattern {
  /** Whose static key the other end knows beforehand; the initiator first. */
  readonly known: readonly Role[];
  /** What the messages carry and mix. The initiator writes the first, then they take turns. */
  readonly messages: readonly (readonly Token[])[];
}

type PatternName = 'NNpsk0' | 'NK' | 'IK' | 'XX';

const PATTERNS: ReadonlyMap<PatternName, HandshakePattern> = new Map([
  ['NNpsk0', pattern([], ['psk', 'e'], ['e', 'ee'])],
  ['NK', pattern(['responder'], ['e', 'es'], ['e', 'ee'])],
  ['IK', pattern(['responder'], ['e', 'es', 's', 'ss'], ['e', 'ee', 'se'])],
  ['XX', pattern([], ['e'], ['e', 'ee', 's', 'es'], ['s', 'se'])],
]);

const CIPHER_NAMES: readonly CipherName[] = ['AESGCM', 'ChaChaPoly'];

/** A protocol by its name in the specification, as `Noise_IK_25519_AESGCM_SHA256`. */
export type NoiseProtocol = `Noise_${PatternName}_25519_${CipherName}_SHA256`;

interface Protocol {
  readonly pattern: HandshakePattern;
  readonly cipher: CipherName;
}

const PROTOCOLS: ReadonlyMap<NoiseProtocol, Protocol> = new Map(
  [...PATTERNS].flatMap(([name, each]) =>
    CIPHER_NAMES.map((cipher) => [`Noise_${name}_25519_${cipher}_SHA256`, { pattern: each, cipher }]),
  ),
);

/** @throws SottoError `invalid_option` for what is not one of ours. */
export function protocolNamed(name: NoiseProtocol): Protocol {
  const protocol = PROTOCOLS.get(name);
  if (protocol) return protocol;
  const names = [...PROTOCOLS.keys()].join(', ');
  throw new SottoError('invalid_option', `protocol must be one of ${names}; it is ${String(name)}.`);
}

export function otherThan(role: Role): Role {
  return role === 'initiator' ? 'responder' : 'initiator';
}

/** Who writes the message at this place, counted from 0. */
export function writerOf(at: number): Role {
  return at % 2 === 0 ? 'initiator' : 'responder';
}

export function hasStaticKey({ known, messages }: HandshakePattern, role: Role): boolean {
  return known.includes(role) || messages.some((tokens, at) => writerOf(at) === role && tokens.includes('s'));
}

export function usesPsk({ messages }: HandshakePattern): boolean {
  return messages.some((tokens) => tokens.includes('psk'));
}

function pattern(known: readonly Role[], ...messages: readonly (readonly Token[])[]): HandshakePattern {
  return { known, messages };
}
