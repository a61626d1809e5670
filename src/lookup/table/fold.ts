/** How texts are compared by people: without regard to case, or to how an accent was typed. */

/** Two texts that fold to the same are the same word. */
export function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** How a text is looked for in another. */
export type Match = 'exact' | 'fold' | 'prefix' | 'contains';

/** Whether `text` fits; made once for a search, so that the wanted text is folded once. */
export function matcher(match: Match, wanted: string): (text: string) => boolean {
  if (match === 'exact') return (text) => text === wanted;
  const folded = fold(wanted);
  if (match === 'fold') return (text) => fold(text) === folded;
  if (match === 'prefix') return (text) => fold(text).startsWith(folded);
  return (text) => fold(text).includes(folded);
}
