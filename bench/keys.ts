/** A private key that everybody knows, for servers that only this machine can reach. */
export const BENCH_KEY: string = '01'.repeat(32);
