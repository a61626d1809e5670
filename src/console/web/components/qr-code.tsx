/** Modules of a QR code as one drawing, with the quiet zone that readers want; dark on light in every theme. */

import type { JSX } from 'preact';

const QUIET = 4;

export interface QrCodeProps {
  /** Row by row; true is dark. */
  readonly modules: readonly (readonly boolean[])[];
  readonly label: string;
}

export function QrCode({ modules, label }: QrCodeProps): JSX.Element {
  const size = modules.length + 2 * QUIET;
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <path d={pathOf(modules)} />
    </svg>
  );
}

/** A bar for each run of dark modules. */
function pathOf(modules: QrCodeProps['modules']): string {
  const bars = modules.flatMap((row, y) => {
    const runs = row
      .map((isDark) => (isDark ? '1' : '0'))
      .join('')
      .matchAll(/1+/g);
    return [...runs].map(
      ({ 0: run, index }) => `M${index + QUIET} ${y + QUIET}h${run.length}v1h-${run.length}z`,
    );
  });
  return bars.join('');
}
