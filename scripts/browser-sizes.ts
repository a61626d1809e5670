// Prints how long the files of `sotto/browser` are, gzip, bytes: those that a page loads from the start, and what each part
// adds to them when it is first used. For docs/browser.md.

import { resolve } from 'node:path';
import { browserFiles } from './browser-files.ts';
import { BuiltFiles } from './built-files.ts';

const files = new BuiltFiles(await browserFiles(resolve('src/browser'), 'ts'));
const main = files.loadedBy('sotto.min.js');
console.log(`${files.sizeOf(main)} from the start`);
for (const name of files.contents.keys()) {
  const more = [...files.loadedBy(name)].filter((each) => !main.has(each));
  if (more.length > 0 && !name.startsWith('chunk-')) console.log(`${files.sizeOf(more)} more by ${name}`);
}
