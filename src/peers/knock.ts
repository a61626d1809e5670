/** One frame by TCP, as every program of STP takes it, and what becomes of it: a connection without a frame would end an original. */

import { sockets } from '#sockets';
import type { Bytes } from '../bytes/bytes.ts';
import type { Pipe } from '../platform/types.ts';
import { decodeStpFrame, type StpFrame, StpFrameReader } from '../wire/stp.ts';
import type { Place } from './peer.ts';

/** How a place took a frame by TCP. */
export type Knock =
  /** `reply` is the frame that came back on the connection, from that address; null where it was closed without one. */
  | { readonly kind: 'reached'; readonly reply: StpFrame | null; readonly host: string }
  /** The host is there, and says that nobody listens. */
  | { readonly kind: 'refused' }
  /** Nothing came back at all. */
  | { readonly kind: 'silent' }
  /** A system on the way, or our own, says that there is no way. */
  | { readonly kind: 'unreachable'; readonly why: string };

/** Codes of a connection that was waited for: by us, or by the system. */
const SILENCE = ['ABORT_ERR', 'ETIMEDOUT'];
/** A greeting is far shorter. */
const MOST_REPLY = 16 * 1024;

/** @param timeout for the connection, and again for what comes back; ms. */
export async function knock(
  { host, tcpPort }: Pick<Place, 'host' | 'tcpPort'>,
  frame: Bytes,
  timeout: number,
): Promise<Knock> {
  let pipe: Pipe;
  try {
    pipe = await sockets.connectStream({ host, port: tcpPort }, timeout);
  } catch (error) {
    return knockFailed(error);
  }
  return { kind: 'reached', reply: await replyOf(pipe, frame, timeout), host: pipe.remote.host };
}

function replyOf(pipe: Pipe, frame: Bytes, timeout: number): Promise<StpFrame | null> {
  return new Promise((resolve) => {
    const reader = new StpFrameReader(MOST_REPLY);
    const timer = setTimeout(() => pipe.destroy(), timeout);
    const finish = (bytes: Bytes | null): void => {
      clearTimeout(timer);
      resolve(frameIn(bytes));
    };
    pipe.start({
      onData: (chunk) => {
        try {
          const bytes = reader.push(chunk);
          if (!bytes) return;
          finish(bytes);
          pipe.end();
        } catch {
          pipe.destroy();
        }
      },
      onDrain: () => {},
      onClose: () => finish(reader.end()),
    });
    pipe.send([frame]);
  });
}

function frameIn(bytes: Bytes | null): StpFrame | null {
  try {
    return bytes && decodeStpFrame(bytes);
  } catch {
    return null;
  }
}

function knockFailed(error: unknown): Knock {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ECONNREFUSED') return { kind: 'refused' };
  if (SILENCE.includes(code)) return { kind: 'silent' };
  return { kind: 'unreachable', why: code };
}
