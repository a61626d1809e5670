/** A body as it is typed. */

import { buffer } from 'node:stream/consumers';
import { decodeUtf8 } from '../bytes/text.ts';

/** JSON where it is JSON, text otherwise; `-` is standard input, of which bytes stay bytes where they are no text. */
export async function typedBody(text: string | undefined): Promise<unknown> {
  if (text === undefined) return undefined;
  const content = text === '-' ? textOf(await buffer(process.stdin)) : text;
  if (typeof content !== 'string') return content;
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}

function textOf(bytes: Uint8Array): string | Uint8Array {
  try {
    return decodeUtf8(new Uint8Array(bytes));
  } catch {
    return new Uint8Array(bytes);
  }
}
