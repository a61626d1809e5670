/** Whole exchanges of PSSST in which each end draws its own keys: the kit is the other end. */

import type { Bytes } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { type CipherSuite, generateKeyPair, PssstClient, PssstServer } from '../../envelope/pssst.ts';
import { type Answer, type Ask, type Case, judged, type Verdict } from '../case.ts';
import { textOf } from '../fields.ts';

const MESSAGES = ['', 'x', 'The Magic Words are Squeamish Ossifrage', 'é'.repeat(300)].map(encodeUtf8);

export function exchangeCases(family: string, suite: CipherSuite): Case[] {
  const cases: Case[] = [];
  for (const hasProof of [false, true]) {
    for (const [at, message] of MESSAGES.entries()) {
      const about = `suite ${suite}, ${hasProof ? 'with' : 'without'} proof, ${message.length} bytes`;
      const dialogue = new Dialogue(suite, hasProof, message);
      cases.push(
        named(family, 'seal-request', `it asks the kit: ${about}`, (ask) => dialogue.itAsks(ask)),
        named(family, 'pack-reply', `the kit asks it: ${about}`, (ask) => dialogue.itAnswers(ask)),
      );
      if (at === 2) {
        const name = `a forged reply is rejected, and the true one taken after it: ${about}`;
        cases.push(named(family, 'open-reply', name, (ask) => dialogue.itIsCheated(ask)));
      }
    }
  }
  return cases;
}

function named(family: string, operation: string, name: string, judge: Case['judge']): Case {
  return { family, operation, name, judge };
}

class Dialogue {
  readonly #suite: CipherSuite;
  readonly #message: Bytes;
  readonly #server: ReturnType<typeof generateKeyPair>;
  readonly #client: ReturnType<typeof generateKeyPair> | null;

  constructor(suite: CipherSuite, hasProof: boolean, message: Bytes) {
    this.#suite = suite;
    this.#message = message;
    this.#server = generateKeyPair(suite);
    this.#client = hasProof ? generateKeyPair() : null;
  }

  /** The kit opens what it sealed, and answers. */
  itAsks(ask: Ask): Promise<Verdict> {
    return this.#answered(ask, (packet, reply) => this.#isOpened(ask, packet, reply));
  }

  itIsCheated(ask: Ask): Promise<Verdict> {
    return this.#answered(ask, async (packet, reply) => {
      const forged = Uint8Array.from(reply);
      forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
      const first = judged(await ask('open-reply', { packet, reply: encodeHex(forged) }), ['rejected']);
      return first.kind === 'passed' ? this.#isOpened(ask, packet, reply) : first;
    });
  }

  /** It seals a request, which must open; then goes on with the reply to it. */
  async #answered(ask: Ask, goOn: (packet: string, reply: Bytes) => Promise<Verdict>): Promise<Verdict> {
    const answer = await this.#sealed(ask);
    const verdict = judged(answer, [
      { describes: 'a request that opens', check: (output) => this.#opens(textOf(output, 'packet')) },
    ]);
    if (verdict.kind !== 'passed' || answer.kind !== 'output') return verdict;
    const packet = textOf(answer.output, 'packet');
    return goOn(packet, this.#unpacked(packet).packReply(this.#message.toReversed()));
  }

  async #isOpened(ask: Ask, packet: string, reply: Bytes): Promise<Verdict> {
    const message = encodeHex(this.#message.toReversed());
    return judged(await ask('open-reply', { packet, reply: encodeHex(reply) }), [{ output: { message } }]);
  }

  /** It opens what the kit sealed, and answers. */
  async itAnswers(ask: Ask): Promise<Verdict> {
    const clientPrivateKey = this.#client?.privateKey;
    const client = new PssstClient(this.#server.publicKey, {
      cipherSuite: this.#suite,
      ...(clientPrivateKey === undefined ? {} : { clientPrivateKey }),
    });
    const { packet, unpackReply } = client.packRequest(this.#message);
    const input = {
      suite: this.#suite,
      serverPrivate: encodeHex(this.#server.privateKey),
      packet: encodeHex(packet),
    };
    const expected = { message: encodeHex(this.#message), clientPublic: this.#clientPublic };
    const opened = judged(await ask('unpack-request', input), [{ output: expected }]);
    if (opened.kind !== 'passed') return opened;
    const message = this.#message.toReversed();
    return judged(await ask('pack-reply', { ...input, message: encodeHex(message) }), [
      {
        describes: 'a reply that opens',
        check: ({ reply }) => encodeHex(unpackReply(decodeHex(String(reply)))) === encodeHex(message),
      },
    ]);
  }

  #sealed(ask: Ask): Promise<Answer> {
    return ask('seal-request', {
      suite: this.#suite,
      serverPublic: encodeHex(this.#server.publicKey),
      clientPrivate: this.#client && encodeHex(this.#client.privateKey),
      message: encodeHex(this.#message),
    });
  }

  get #clientPublic(): string | null {
    return this.#client && encodeHex(this.#client.publicKey);
  }

  #opens(packet: string): boolean {
    const { message, clientPublicKey } = this.#unpacked(packet);
    const proven = clientPublicKey && encodeHex(clientPublicKey);
    return encodeHex(message) === encodeHex(this.#message) && proven === this.#clientPublic;
  }

  #unpacked(packet: string): ReturnType<PssstServer['unpackRequest']> {
    const server = new PssstServer(this.#server.privateKey, { cipherSuite: this.#suite });
    return server.unpackRequest(decodeHex(packet));
  }
}
