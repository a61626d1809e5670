/** TCP on the simulated network, as pipes of bytes. */

import { messageOf, SottoError } from '../errors.ts';
import type { SocketAddress, Sockets } from '../platform/types.ts';
import type { ConnectionEnd } from './connection.ts';
import { dial, type ListeningDoor } from './dial.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import { SimulatedPipe } from './pipe.ts';

/** Keep-alive after 15 s, and ten questions a second apart without an answer (`platform/node/tcp.ts`, Linux), ms. */
const MOST_SILENT = 25_000;
const UNLIMITED = Number.POSITIVE_INFINITY;

export function streamSockets(
  network: Network,
  machine: Machine,
): Pick<Sockets, 'listenStreams' | 'connectStream'> {
  return {
    async listenStreams({ host, port, reusePort, maxConnections, onPipe }) {
      machine.requireOwn(host);
      const open = new Set<SimulatedPipe>();
      const door: ListeningDoor = {
        kind: 'bytes',
        program: machine.program,
        host,
        port: machine.portFor(port),
        isShared: reusePort,
        take(remote) {
          if (open.size >= maxConnections) return null;
          const pipe = pipeOf(machine, remote, () => open.delete(pipe));
          open.add(pipe);
          return {
            end: endOf(machine, pipe),
            web: null,
            serve(connection, asking) {
              if (asking) SimulatedPipe.join(connection, [asking, pipe]);
              onPipe(pipe);
            },
          };
        },
      };
      machine.streams.open(door);
      return { port: door.port, close: async () => machine.streams.close(door) };
    },

    async connectStream(to, timeout) {
      const pipe = pipeOf(machine, to);
      try {
        const onBroken = (why: string): void => pipe.broken(why);
        await dial(network, machine, { to, timeout, mostSilent: MOST_SILENT, pipe, onBroken });
        return pipe;
      } catch (cause) {
        const isLate = cause instanceof Error && cause.message.includes('ETIMEDOUT');
        const why = isLate ? `no connection within ${timeout} ms` : messageOf(cause);
        throw new SottoError('unreachable', `tcp://${to.host}:${to.port} cannot be reached: ${why}`, {
          cause,
        });
      }
    },
  };
}

function pipeOf(machine: Machine, remote: SocketAddress, onClosed: () => void = () => {}): SimulatedPipe {
  return new SimulatedPipe({
    kind: 'stream',
    program: machine.program,
    remote,
    maxMessage: UNLIMITED,
    onClosed,
  });
}

function endOf(machine: Machine, pipe: SimulatedPipe): ConnectionEnd {
  return { machine, program: machine.program, onBroken: (why) => pipe.broken(why) };
}
