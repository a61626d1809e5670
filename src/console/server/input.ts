/** What pages send, checked before anything is done with it. */

import type { Context } from 'hono';
import type { z } from 'zod';
import { StatusError } from '../../errors.ts';

/**
 * The body, which is JSON.
 *
 * @throws StatusError 400 naming what is wrong with it.
 */
export async function bodyOf<Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<z.output<Schema>> {
  let value: unknown;
  try {
    value = JSON.parse(await c.req.text());
  } catch (cause) {
    throw badRequest('The body is not JSON.', cause);
  }
  return checked(value, schema, 'The body');
}

/** @throws StatusError 400. */
export function queryOf<Schema extends z.ZodType>(c: Context, schema: Schema): z.output<Schema> {
  const given = Object.entries(c.req.query()).filter(([, value]) => value !== '');
  return checked(Object.fromEntries(given), schema, 'The query');
}

function checked<Schema extends z.ZodType>(value: unknown, schema: Schema, name: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const reasons = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw badRequest(`${name} cannot be used: ${reasons.join('; ')}.`);
}

function badRequest(text: string, cause?: unknown): StatusError {
  return new StatusError(400, text, { code: 'bad_request', cause });
}
