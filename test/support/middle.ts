/**
 * A man in the middle of two nodes that have no other way to each other: one end of his on each LAN, with the address of
 * whom it stands for. He passes every frame on, of both roads, as he likes it.
 */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Bytes } from '../../src/bytes/bytes.ts';
import { decodeStpFrame, encodeStpFrame, type StpFrame, StpFrameReader } from '../../src/wire/stp.ts';
import { Journal } from './journal.ts';
import type { Host } from './network.ts';

const END = fileURLToPath(new URL('./middle-end.ts', import.meta.url));

export type MiddleOrder =
  | { readonly do: 'listen'; readonly udp?: number | undefined; readonly tcp?: number | undefined }
  | { readonly do: 'datagram'; readonly to: number | 'group'; readonly data: string }
  | { readonly do: 'connect'; readonly id: string; readonly port: number }
  | { readonly do: 'data'; readonly id: string; readonly data: string }
  | { readonly do: 'end'; readonly id: string };

export type MiddleReport =
  | { readonly ready: string }
  | { readonly what: 'datagram'; readonly to: number | 'group'; readonly data: string }
  | { readonly what: 'connection'; readonly id: string; readonly port: number }
  | { readonly what: 'data'; readonly id: string; readonly data: string }
  | { readonly what: 'end'; readonly id: string };

/** A frame that came by. */
export interface PassingFrame {
  /** On which side. */
  readonly side: 0 | 1;
  readonly road: 'udp' | 'tcp';
  readonly frame: StpFrame;
}

/** What is passed on in place of a frame; null for nothing. */
export type Change = (passing: PassingFrame) => StpFrame | null;

export const UNCHANGED: Change = ({ frame }) => frame;

interface End {
  readonly order: (order: MiddleOrder) => void;
  readonly kill: () => Promise<unknown>;
}

export class Middle {
  change: Change = UNCHANGED;
  readonly frames: Journal<PassingFrame> = new Journal<PassingFrame>();
  readonly #bytes: Buffer[] = [];
  readonly #ends: End[] = [];
  /** By connection and side: what has come of the frame, of which there is one each way. */
  readonly #readers = new Map<string, StpFrameReader>();

  /** @param ends a host on each LAN, and who is there; each has the address of whom it stands for. */
  static async start(
    ends: readonly { readonly host: Host; readonly own: string; readonly other: string }[],
  ): Promise<Middle> {
    const middle = new Middle();
    for (const [side, { host, own, other }] of ends.entries()) {
      await middle.#attach(side as 0 | 1, host, [own, other]);
    }
    return middle;
  }

  /** Whether a text has come by that he could read. */
  hasSeen(text: string): boolean {
    return Buffer.concat(this.#bytes).includes(text);
  }

  /** Nothing is passed on any more, and the addresses are free. */
  async stop(): Promise<void> {
    await Promise.all(this.#ends.map(({ kill }) => kill()));
  }

  async #attach(side: 0 | 1, host: Host, addresses: readonly [string, string]): Promise<void> {
    const child = host.spawn(END, ...addresses);
    const ready = Promise.withResolvers<void>();
    this.#ends[side] = {
      order: (order) => void child.stdin.write(`${JSON.stringify(order)}\n`),
      kill: () => {
        child.kill('SIGKILL');
        return once(child, 'exit');
      },
    };
    createInterface({ input: child.stdout }).on('line', (line) => {
      const report = JSON.parse(line) as MiddleReport;
      if ('ready' in report) ready.resolve();
      else this.#pass(side, report);
    });
    await ready.promise;
  }

  #pass(side: 0 | 1, report: Exclude<MiddleReport, { ready: string }>): void {
    const far = this.#ends[1 - side];
    switch (report.what) {
      case 'connection':
        return far?.order({ do: 'connect', id: report.id, port: report.port });
      case 'end':
        return far?.order({ do: 'end', id: report.id });
      case 'datagram': {
        const frame = decodeStpFrame(this.#noted(report.data));
        const data = this.#changed({ side, road: 'udp', frame });
        if (data !== null) far?.order({ do: 'datagram', to: report.to, data });
        return;
      }
      case 'data': {
        const whole = this.#readerOf(side, report.id).push(this.#noted(report.data));
        if (whole === null) return;
        const data = this.#changed({ side, road: 'tcp', frame: decodeStpFrame(whole) });
        if (data !== null) return far?.order({ do: 'data', id: report.id, data });
        for (const end of this.#ends) end.order({ do: 'end', id: report.id });
      }
    }
  }

  #noted(data: string): Bytes {
    const bytes = Buffer.from(data, 'base64');
    this.#bytes.push(bytes);
    return new Uint8Array(bytes);
  }

  #changed(passing: PassingFrame): string | null {
    const { header } = passing.frame;
    // Where its sender is reached, the far end must be reached first.
    this.#ends[1 - passing.side]?.order({ do: 'listen', udp: header.udpport, tcp: header.tcpport });
    this.frames.add(passing);
    const changed = this.change(passing);
    return changed ? Buffer.from(encodeStpFrame(changed)).toString('base64') : null;
  }

  #readerOf(side: 0 | 1, id: string): StpFrameReader {
    const key = `${side} ${id}`;
    const reader = this.#readers.get(key) ?? new StpFrameReader();
    this.#readers.set(key, reader);
    return reader;
  }
}
