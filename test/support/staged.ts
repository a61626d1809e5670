/** The package as it is built, in a folder of its own, with the examples: nobody else builds or removes it meanwhile. */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class StagedPackage implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'sotto-staged-'));

  constructor() {
    for (const each of ['package.json', 'examples']) {
      cpSync(each, join(this.folder, each), { recursive: true });
    }
    symlinkSync(join(process.cwd(), 'node_modules'), join(this.folder, 'node_modules'));
    execFileSync(process.execPath, ['scripts/build.js', this.folder]);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
