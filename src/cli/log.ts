/** The commands' log: pino, as JSON for machines and as short lines on a terminal. */

import { type DestinationStream, pino } from 'pino';
import type { Logger } from '../app/message.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLog(level: LogLevel): Logger {
  const options = { level, serializers: { error: pino.stdSerializers.err } };
  return process.stderr.isTTY ? pino(options, forPeople) : pino(options, pino.destination(2));
}

/** `12:00:00 warn  text key=value …` */
const forPeople: DestinationStream = {
  write(line) {
    const {
      level,
      time,
      pid: _pid,
      hostname: _hostname,
      msg,
      ...fields
    } = JSON.parse(line) as Record<string, unknown>;
    const clock = new Date(Number(time)).toTimeString().slice(0, 8);
    const rest = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
    const label = pino.levels.labels[Number(level)] ?? '';
    process.stderr.write(`${clock} ${label.padEnd(5)} ${[String(msg), ...rest].join(' ')}\n`);
  },
};

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return 'message' in value ? String(value.message) : JSON.stringify(value);
}
