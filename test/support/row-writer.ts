/** Writes rows until it is killed, and says which were written: `row-writer.ts FILE FIRST`. */

import { Lookup } from '../../src/lookup/lookup.ts';

const [file = '', first = '0'] = process.argv.slice(2);
const lookup = await Lookup.open({ files: { [file]: 'name' } });
const [name = ''] = Object.keys(lookup.data);
process.stdout.write('opened\n');
for (let number = Number(first); ; number++) {
  await lookup.update(name, `key ${number % 50}`, { value: number, text: `"quoted", ${number}` });
  process.stdout.write(`${number}\n`);
}
