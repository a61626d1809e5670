// Finds a Node that can run Sotto. Plain JavaScript that old versions of Node can read.

import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MAJOR = 24;
const MINOR = 11;

/** Whether `version` ("26.10.0") is new enough. */
export function isSupported(version) {
  const parts = version.split('.').map(Number);
  return parts[0] > MAJOR || (parts[0] === MAJOR && parts[1] >= MINOR);
}

/** The Node that the package `node` has put into some node_modules at or above `folder`, or null. */
export function findBundledNode(folder) {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  for (let at = folder; ; at = dirname(at)) {
    const file = join(at, 'node_modules', 'node', 'bin', name);
    if (existsSync(file) && realpathSync(file) !== realpathSync(process.execPath)) return file;
    if (dirname(at) === at) return null;
  }
}

/** One line for whoever has neither. */
export function tooOld(version) {
  return (
    `sotto: Node ${MAJOR}.${MINOR} or newer is needed, and this is ${version}. ` +
    'Install a newer one from nodejs.org, or run `npm install node` here.'
  );
}
