const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `3.2 GiB`, for people. */
export function sizeText(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(Math.max(1, bytes)) / 10), UNITS.length - 1);
  const value = bytes / 2 ** (10 * power);
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}
