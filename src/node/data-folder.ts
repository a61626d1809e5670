/** The folder in which a node keeps what must survive it. */

import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

export async function makeDataFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

/** Makes a file that nobody else may read before something is written that must stay so. */
export async function privateFile(path: string): Promise<string> {
  await makeDataFolder(dirname(path));
  const handle = await open(path, 'a', 0o600);
  await handle.close();
  return path;
}
