/** A word to whoever runs a program that says nothing else to them: once for each text. */

const said = new Set<string>();

/** By Node's own warnings, which go to stderr unless somebody listens; in a browser by the console. */
export function warnOnce(text: string, type: string): void {
  if (said.has(text)) return;
  said.add(text);
  if (globalThis.process?.emitWarning) globalThis.process.emitWarning(text, type);
  else console.warn(text);
}
