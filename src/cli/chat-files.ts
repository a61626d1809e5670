/** Files of the chat: those that others offer wait for a decision, those that are sent are shown on their way. */

import { messageOf } from '../errors.ts';
import { cleanLine } from '../node/clean-text.ts';
import { nameOf } from '../node/peer-text.ts';
import type { FileOffer } from '../peers/files/receiver.ts';
import type { PeerNode } from '../peers/node.ts';
import type { FileOptions } from '../peers/options.ts';
import type { PeerId } from '../peers/peer.ts';
import { sizeText } from './peer-text.ts';

interface ChatFilesOptions {
  readonly note: (text: string) => void;
  readonly status: (text: string) => void;
  readonly ownerOf: (id: PeerId) => string;
}

interface Waiting {
  readonly number: number;
  readonly text: string;
  readonly decide: (isTaken: boolean) => void;
}

export class ChatFiles {
  readonly #options: ChatFilesOptions;
  readonly #waiting: Waiting[] = [];
  readonly #ending = new AbortController();
  #count = 0;

  constructor(options: ChatFilesOptions) {
    this.#options = options;
  }

  options(folder: string): FileOptions {
    const { note, status } = this.#options;
    return {
      folder,
      onOffer: (offer, signal) => this.#ask(offer, signal),
      onProgress: (offer, received) =>
        status(progress(`taking ${cleanLine(offer.name)}`, received, offer.size)),
      onReceived: ({ path, size }) => {
        status('');
        note(`The file is here: ${path} (${sizeText(size)})`);
      },
      onFailed: (offer, error) => {
        status('');
        note(`${describe(offer)} did not come: ${messageOf(error)}`);
      },
    };
  }

  /** @param which its number; empty for the oldest. */
  decide(which: string, isTaken: boolean): void {
    const at = which === '' ? 0 : this.#waiting.findIndex(({ number }) => String(number) === which);
    const [offer] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (!offer) return this.#options.note('No such file is offered.');
    offer.decide(isTaken);
    this.#options.note(`${isTaken ? 'Taken' : 'Refused'}: ${offer.text}`);
  }

  /** The chat ends: so does what is on its way. */
  refuseAll(): void {
    this.#ending.abort();
    for (const { decide } of this.#waiting.splice(0)) decide(false);
  }

  async send(node: PeerNode, to: string, path: string): Promise<void> {
    const { note, status } = this.#options;
    const peer = node.find(to);
    const name = nameOf(peer);
    status(`waiting for ${name} to take the file …`);
    const onProgress = (sent: number, total: number): void => status(progress(`to ${name}`, sent, total));
    try {
      const { size } = await node.sendFile(peer, path, { onProgress, signal: this.#ending.signal });
      note(`${name} has the file, ${sizeText(size)}.`);
    } finally {
      status('');
    }
  }

  #ask(offer: FileOffer, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const number = ++this.#count;
    const text = `${describe(offer)} of ${this.#options.ownerOf(offer.from)}`;
    const waiting = { number, text, decide: resolve };
    this.#waiting.push(waiting);
    signal.addEventListener('abort', () => {
      const at = this.#waiting.indexOf(waiting);
      if (at >= 0) this.#waiting.splice(at, 1);
      resolve(false);
    });
    this.#options.note(`File ${number} is offered: ${text}. /accept ${number} or /refuse ${number}`);
    return promise;
  }
}

function describe({ name, size }: FileOffer): string {
  return `${cleanLine(name)} (${sizeText(size)})`;
}

function progress(label: string, done: number, total: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total);
  return `${label} ${'█'.repeat(Math.round(20 * part)).padEnd(20, '·')} ${Math.round(100 * part)} %`;
}
