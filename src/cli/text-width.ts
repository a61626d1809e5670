/** Texts on a terminal, measured by the columns that they take. */

const UNMEASURED = /^[\p{M}\u200c\u200d]+$/u;
const EMOJI = /^\p{Emoji_Presentation}|\ufe0f/u;
/** East Asian scripts, whose characters take two columns. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

export function graphemesOf(text: string): string[] {
  return Array.from(GRAPHEMES.segment(text), ({ segment }) => segment);
}

/** In columns. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return graphemesOf(text).reduce((sum, each) => sum + graphemeWidth(each), 0);
}

/** Exactly so wide: cut with `…`, or filled up with blanks. */
export function fit(text: string, width: number): string {
  const cut = widthOf(text) <= width ? text : `${beginning(text, width - 1)}…`;
  return width <= 0 ? '' : cut + ' '.repeat(Math.max(0, width - widthOf(cut)));
}

/** Lines of at most this width, broken at blanks where there are any. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<= )/)) {
    if (widthOf(line) + widthOf(word.trimEnd()) > width && line !== '') {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
    while (widthOf(line.trimEnd()) > width) {
      const head = beginning(line, width) || line.slice(0, 1);
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return [...lines, line.trimEnd()];
}

/** Aligned columns, two blanks between them. */
export function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ''))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => fit(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** As much of it as fits. */
function beginning(text: string, width: number): string {
  let [result, used] = ['', 0];
  for (const each of graphemesOf(text)) {
    used += graphemeWidth(each);
    if (used > width) break;
    result += each;
  }
  return result;
}

function graphemeWidth(grapheme: string): number {
  if (UNMEASURED.test(grapheme)) return 0;
  return EMOJI.test(grapheme) || WIDE.test(grapheme) ? 2 : 1;
}
