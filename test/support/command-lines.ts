/** Runs one command line of `sotto` after the other, as its parent asks: the start of a process is what takes long. */

import { main } from '../../src/cli/main.ts';

let said = '';
process.stdout.write = (text: string | Uint8Array): boolean => {
  said += String(text);
  return true;
};

process.on('message', async (args: readonly string[]) => {
  said = '';
  const code = await main(args);
  process.send?.({ code, stdout: said });
});
