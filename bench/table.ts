/** Tables of ratios, on stderr-free plain text, and the timing loop that fills them. */

export interface Row {
  readonly name: string;
  readonly perSecond: number;
  /** The row's named reference, per second. */
  readonly reference: number;
}

export function printTable(title: string, referenceName: string, rows: readonly Row[]): void {
  const lines = rows.map(({ name, perSecond, reference }) => [
    name,
    perSecond.toFixed(0),
    (1e6 / perSecond).toFixed(1),
    (reference / perSecond).toFixed(2),
  ]);
  const head = ['', 'per second', 'us each', `times ${referenceName}`];
  const widths = head.map((text, column) =>
    Math.max(text.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  console.log(`\n${title}`);
  for (const line of [head, ...lines]) {
    console.log(
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    );
  }
}

/** The best of several rounds of `work`, interleaved with those of its neighbours so that all meet the same noise. */
export function measureAll(works: readonly (() => void)[], rounds = 7, millis = 250): number[] {
  const best = works.map(() => 0);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, work] of works.entries()) {
      const start = performance.now();
      let count = 0;
      while (performance.now() - start < millis) {
        for (let i = 0; i < 32; i++) work();
        count += 32;
      }
      const perSecond = (1000 * count) / (performance.now() - start);
      if (round > 0) best[index] = Math.max(best[index] ?? 0, perSecond); // the first round warms up
    }
  }
  return best;
}
