/** Two ends of a session in memory, and what joins them: late, cut at any time, with nothing of what was on its way. */

import { setImmediate } from 'node:timers/promises';
import { type App, createApp } from '../../src/app/app.ts';
import { SILENT } from '../../src/app/message.ts';
import { type Carrier, Conversation, type ConversationOptions } from '../../src/session/conversation.ts';
import { decodeSessionMessage, encodeKept, type KeptMessage } from '../../src/wire/session.ts';

export type EndOptions = Partial<ConversationOptions> & {
  readonly app?: App;
  /** As its hello says. Default true. */
  readonly readsCompressed?: boolean;
};

export interface TestEnd {
  readonly conversation: Conversation;
  readonly readsCompressed: boolean;
  readonly broken: string[];
  /** How many pushes it was told are missing. */
  skipped: number;
  /** How often it found the other end slow. */
  slow: number;
}

export function testEnd(role: 'client' | 'server', options: EndOptions = {}): TestEnd {
  const { app = createApp(), readsCompressed = true, ...rest } = options;
  const broken: string[] = [];
  const conversation = new Conversation({
    ...{ role, maxMessage: 1024 * 1024, maxStreams: 256, maxOutbox: 1024 * 1024, log: SILENT },
    dispatch: (message) => app.dispatch(message),
    facts: () => ({ sender: null, transport: 'memory', remote: 'memory:1' }),
    once: null,
    onSlow: () => {
      end.slow += 1;
    },
    onSkipped: (count) => {
      end.skipped += count;
    },
    onBroken: (why) => broken.push(why),
    ...rest,
  });
  const end: TestEnd = { conversation, readsCompressed, broken, skipped: 0, slow: 0 };
  return end;
}

type Parcel = { readonly bytes: Uint8Array } | { readonly received: number };

/** One connection between the two; a new one after each cut. */
export class TestLink {
  readonly client: TestEnd;
  readonly server: TestEnd;
  cuts = 0;
  /** Kept messages that were carried. */
  carried = 0;
  /** Those of them that were compressed, or parts of what was. */
  compressed = 0;
  #late: Wire | null = null;
  #connection: { readonly wires: readonly [Wire, Wire] } | null = null;

  constructor(client: EndOptions = {}, server: EndOptions = {}) {
    this.client = testEnd('client', client);
    this.server = testEnd('server', server);
  }

  static connected(client: EndOptions = {}, server: EndOptions = {}): TestLink {
    const link = new TestLink(client, server);
    link.connect();
    return link;
  }

  /** As a handshake does: each end is told what came over there. The server may hear more on the old connection until then. */
  connect(): void {
    const [client, server] = [this.client.conversation, this.server.conversation];
    const [clientHas, serverHas] = [client.received, server.received];
    this.#late?.deliverHalf();
    this.#late = null;
    const count = ({ compressed }: KeptMessage): void => {
      this.carried += 1;
      if (compressed) this.compressed += 1;
    };
    const wires = [new Wire(server, count), new Wire(client, count)] as const;
    this.#connection = { wires };
    server.attach(wires[1], clientHas, this.client.readsCompressed);
    client.attach(wires[0], serverHas, this.server.readsCompressed);
  }

  cut(): void {
    if (!this.#connection) return;
    const [up, down] = this.#connection.wires;
    this.#connection = null;
    this.cuts += 1;
    for (const wire of [up, down]) wire.isCut = true;
    this.#late = up;
    this.client.conversation.detach(up);
    this.server.conversation.detach(down);
  }

  /** No confirmation gets back to this end, as if the other never read. */
  mute(end: 'client' | 'server', isMuted: boolean): void {
    const wire = this.#connection?.wires[end === 'client' ? 1 : 0];
    if (wire) wire.isMuted = isMuted;
  }

  /** Cuts at chosen moments, and connects again, until `work` is over. */
  async troubled<T>(random: () => number, likely: number, work: Promise<T>): Promise<T> {
    const state = { isOver: false };
    const done = work.finally(() => {
      state.isOver = true;
    });
    void done.catch(() => {});
    while (!state.isOver) {
      if (random() < likely) {
        this.cut();
        for (let turns = Math.floor(random() * 4); turns > 0; turns--) await setImmediate();
        this.connect();
      }
      await setImmediate();
    }
    return done;
  }
}

class Wire implements Carrier {
  isCut = false;
  isMuted = false;
  readonly #to: Conversation;
  readonly #onCarried: (message: KeptMessage) => void;
  readonly #parcels: Parcel[] = [];
  #isPumping = false;

  constructor(to: Conversation, onCarried: (message: KeptMessage) => void) {
    this.#to = to;
    this.#onCarried = onCarried;
  }

  send(messages: readonly KeptMessage[]): void {
    for (const message of messages) this.#parcels.push({ bytes: encodeKept(message) });
    void this.#pump();
  }

  /** What was on its way when it was cut, as far as it got. */
  deliverHalf(): void {
    for (const parcel of this.#parcels.splice(0, Math.ceil(this.#parcels.length / 2))) this.#deliver(parcel);
  }

  confirm(received: number): void {
    const last = this.#parcels.at(-1);
    if (last && 'received' in last) this.#parcels.pop();
    this.#parcels.push({ received });
    void this.#pump();
  }

  /** A few at a turn. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (let count = 1; this.#parcels.length > 0; count++) {
      if (count % 4 === 1) await setImmediate();
      if (this.isCut) return;
      const parcel = this.#parcels.shift();
      if (parcel) this.#deliver(parcel);
    }
    this.#isPumping = false;
  }

  #deliver(parcel: Parcel): void {
    if ('received' in parcel) {
      if (!this.isMuted) this.#to.confirm(parcel.received);
      return;
    }
    const message = decodeSessionMessage(parcel.bytes);
    if (!('number' in message)) throw new Error('it is of a connection alone');
    this.#onCarried(message);
    this.#to.take(message);
  }
}
