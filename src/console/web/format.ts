/** Numbers and times as people read them. */

import type { TrafficRecord } from '../contract.ts';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const calendar = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const BINARY_UNITS = ['B', 'kB', 'MB', 'GB'] as const;
const AGES = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
] as const;

export function count(value: number): string {
  return whole.format(value);
}

export function milliseconds(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)} ms`;
}

export function bytes(value: number): string {
  let size = value;
  let step = 0;
  while (size >= 1024 && step < BINARY_UNITS.length - 1) {
    size /= 1024;
    step += 1;
  }
  return `${step === 0 || size >= 100 ? size.toFixed(0) : size.toFixed(1)} ${BINARY_UNITS[step]}`;
}

/** `14:03:22` */
export function time(at: number): string {
  return clock.format(at);
}

/** `21 Nov 2026, 14:03:22` */
export function moment(at: number): string {
  return calendar.format(at);
}

/** `4 min`, for what lies `ms` back. */
export function age(ms: number): string {
  const step = AGES.find((entry) => ms >= entry.ms);
  return step ? `${Math.floor(ms / step.ms)} ${step.unit}` : `${Math.max(0, Math.round(ms / 1000))} s`;
}

/** `3f2a 91c0`: enough of a fingerprint to tell two apart by eye. */
export function shortFingerprint(fingerprint: string): string {
  return `${fingerprint.slice(0, 4)} ${fingerprint.slice(4, 8)}`;
}

export function shortKey(key: string): string {
  return key.length > 22 ? `${key.slice(0, 14)}…${key.slice(-6)}` : key;
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** JSON indented, all else as it is. */
export function readable(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function statusText({ status }: Pick<TrafficRecord, 'status'>): string {
  return status === 0 ? 'ok' : String(status);
}
