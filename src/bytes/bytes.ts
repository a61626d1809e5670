/** Small operations on bytes that every floor needs. */

export type Bytes = Uint8Array;

export const EMPTY: Bytes = new Uint8Array(0);

/** The parts one after the other in a new array. */
export function concat(...parts: readonly Bytes[]): Bytes {
  return concatAll(parts);
}

/** As {@link concat}, of as many parts as there are: a call may not have very many arguments. */
export function concatAll(parts: readonly Bytes[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Whether two public byte strings are the same. Not for secrets: its time depends on the content. */
export function sameBytes(left: Bytes, right: Bytes): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** Less than zero, zero or more, as the first different byte is; a beginning comes before what goes on. */
export function compareBytes(left: Bytes, right: Bytes): number {
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** A string with one character a byte: the cheapest key of a `Map` for short byte strings. */
export function mapKey(bytes: Bytes): string {
  return String.fromCharCode(...bytes);
}
