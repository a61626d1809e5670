/**
 * The way in for simulations (`src/testing`): whoever runs on a simulated machine gets its sockets, files and random bytes
 * in place of the system's. Without a simulation it costs the look at one variable.
 */

import type { DatabaseSync } from 'node:sqlite';
import type { Bytes } from '../../bytes/bytes.ts';
import type { DataFiles, Downloads, Files, Sockets, Spool, StoredFile, Threads } from '../types.ts';

/** What a simulated machine has in place of the system. */
export interface SimulatedMachine {
  readonly sockets: Sockets;
  readonly files: Files;
  readonly dataFiles: DataFiles;
  readonly downloads: Downloads;
  readonly threads: Threads;
  randomBytes(length: number): Bytes;
  /** ML-KEM-768 by the machine's own randomness, which node:crypto cannot be given. */
  encapsulate(publicKey: Bytes): { sharedSecret: Bytes; ciphertext: Bytes };
  openSpool(): Promise<Spool>;
  openStored(path: string): Promise<StoredFile>;
  /** A database on the machine's disk; `:memory:` is a new one each time. The disk closes it. */
  openDatabase(path: string): DatabaseSync;
  /** Keeps the simulated clock until work of the real world is done. */
  outside<T>(work: Promise<T>): Promise<T>;
}

let machineNow: (() => SimulatedMachine | null) | null = null;

/** Sets who tells on which machine code runs now; null where nothing is simulated. */
export function simulateMachines(current: (() => SimulatedMachine | null) | null): void {
  machineNow = current;
}

/** The machine that this code runs on; null for the real one. */
export function simulated(): SimulatedMachine | null {
  return machineNow === null ? null : machineNow();
}

/** The same interface, answered by the machine that runs the call. For what is not called often. */
export function perMachine<T extends object>(real: T, of: (machine: SimulatedMachine) => T): T {
  return new Proxy(real, {
    get(target, name) {
      const machine = simulated();
      return Reflect.get(machine === null ? target : of(machine), name);
    },
  });
}
