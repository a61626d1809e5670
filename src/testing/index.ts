/** Test what is built on Sotto: whole programs on simulated machines, with a network, time and chance that a seed repeats. */

export { Host, type HostFiles, type HostOptions } from './host.ts';
export type { Conditions } from './network.ts';
export { Random } from './random.ts';
export { type SimulateOptions, type SimulationReport, simulate } from './simulate.ts';
export { World, type WorldOptions } from './world.ts';
