/** The files that esbuild has made for pages: how long they are, and what is in them. */

import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { BuildResult } from 'esbuild';

type Built = BuildResult<{ metafile: true; write: false }>;

/** By name, with what each loads at once. */
export class BuiltFiles {
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly #outputs: Built['metafile']['outputs'];

  constructor({ outputFiles, metafile }: Built) {
    this.contents = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
    this.#outputs = metafile.outputs;
  }

  /** A file, and what it needs from the start. */
  loadedBy(name: string, known: Set<string> = new Set()): ReadonlySet<string> {
    if (known.has(name)) return known;
    known.add(name);
    const { imports } = this.#outputOf(name);
    for (const { path, kind, external } of imports) {
      if (kind === 'import-statement' && external !== true) this.loadedBy(basename(path), known);
    }
    return known;
  }

  sizeOf(names: Iterable<string>): number {
    return [...names].reduce((sum, name) => sum + gzipSync(this.contents.get(name) ?? '').length, 0);
  }

  textOf(name: string): string {
    return new TextDecoder().decode(this.contents.get(name));
  }

  /** What is in files, longest first: for whoever has made them too long. */
  modulesOf(names: Iterable<string>): string {
    const modules = [...names].flatMap((name) => Object.entries(this.#outputOf(name).inputs));
    const lengths = modules
      .map(([path, { bytesInOutput }]) => [path, bytesInOutput] as const)
      .filter(([, length]) => length > 0);
    lengths.sort(([, left], [, right]) => right - left);
    return lengths.map(([path, length]) => `${String(length).padStart(7)} ${path}`).join('\n');
  }

  partNamed(beginning: string): string {
    const names = [...this.contents.keys()];
    return (
      names.find((name) => name.startsWith(beginning)) ?? assert.fail(`${beginning}: ${names.join(', ')}`)
    );
  }

  #outputOf(name: string): Built['metafile']['outputs'][string] {
    const found = Object.entries(this.#outputs).find(([path]) => basename(path) === name);
    return found?.[1] ?? assert.fail(name);
  }
}
