/** Strangers' texts as people may see them: without what commands a terminal or turns what stands beside it around. */

/** Control characters, separators of lines, and what is not seen but turns text around; joiners of emoji may stay. */
const HARMFUL = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** Marks stacked so high that they cover the lines above. */
const STACKED = /(\p{M}{3})\p{M}+/gu;

/** One line that is safe to print. */
export function cleanLine(text: string): string {
  return text
    .replace(/[\t\r\n]+/g, ' ')
    .replace(HARMFUL, '')
    .replace(STACKED, '$1');
}

/** Several lines that are safe to print. */
export function cleanLines(text: string): string {
  return text.split('\n').map(cleanLine).join('\n');
}
