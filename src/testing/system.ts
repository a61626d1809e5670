/** All that a simulated machine has in place of a system. */

import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { SottoError } from '../errors.ts';
import { assertNetworks } from '../platform/node/addresses.ts';
import type { SimulatedMachine } from '../platform/node/simulated.ts';
import type { Sockets, Threads } from '../platform/types.ts';
import { datagramSockets } from './datagrams.ts';
import { downloadsOn } from './downloads.ts';
import { dataFiles, openSpool, openStored, privateFiles } from './files.ts';
import type { Machine } from './machine.ts';
import { multicastSockets } from './multicast.ts';
import type { Network } from './network.ts';
import type { Program } from './program.ts';
import { streamSockets } from './streams.ts';
import { webClient } from './web-client.ts';
import { listenWeb, serviceOfExchanges, serviceOfStreams } from './web-server.ts';

/** The randomness that FIPS 203 takes for a shared secret, bytes. */
const MLKEM_COINS = 32;

/** @param outside keeps the clock until work of the real world is done. */
export function systemOf(
  network: Network,
  machine: Machine,
  program: () => Program,
  outside: SimulatedMachine['outside'],
): SimulatedMachine {
  const { disk } = machine;
  return {
    sockets: socketsOf(network, machine),
    files: privateFiles(disk),
    dataFiles: dataFiles(disk, program),
    downloads: downloadsOn(disk),
    threads: NO_THREADS,
    randomBytes: (length) => program().random.bytes(length),
    encapsulate(publicKey) {
      const { sharedSecret, cipherText } = ml_kem768.encapsulate(
        publicKey,
        program().random.bytes(MLKEM_COINS),
      );
      return { sharedSecret, ciphertext: cipherText };
    },
    openSpool,
    openStored: (path) => openStored(disk, path),
    openDatabase: (path) => disk.database(path),
    outside,
  };
}

function socketsOf(network: Network, machine: Machine): Sockets {
  return {
    ...datagramSockets(network, machine),
    ...multicastSockets(network, machine),
    ...streamSockets(network, machine),
    ...webClient(network, machine),
    listenHttp: (options) => listenWeb(network, machine, options, serviceOfExchanges(options)),
    listenHttpStreams: (options) => listenWeb(network, machine, options, serviceOfStreams(options)),
    loadMdns: async () => {
      throw unsupported('DNS-SD is');
    },
    hostName: () => machine.name,
    assertNetworks,
    soon: (work) => void setImmediate(work),
  };
}

const NO_THREADS: Threads = {
  start() {
    throw unsupported('Threads (for files above 256 KiB, trained dictionaries and delivery logs) are');
  },
  serve() {},
};

function unsupported(what: string): SottoError {
  return new SottoError('unsupported_platform', `${what} not simulated.`);
}
