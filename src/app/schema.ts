/** Bodies checked by any Standard Schema (standardschema.dev): the reasons of a refusal are told, but not at length. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { StatusError } from '../errors.ts';

const MAX_REASONS = 10;
// Reasons repeat parts of the body: without a bound a large one would come back as a large reply.
const MAX_LENGTH = 1000;

/**
 * The body as `schema` gives it back.
 *
 * @throws StatusError 400 with the reasons, at most 1000 characters of them.
 */
export async function validated(schema: StandardSchemaV1, body: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(body);
  if (!result.issues) return result.value;
  const reasons = result.issues.slice(0, MAX_REASONS).map(reasonOf).join('; ');
  const bounded = reasons.length > MAX_LENGTH ? `${reasons.slice(0, MAX_LENGTH - 1)}…` : reasons;
  throw new StatusError(400, `The body does not fit: ${bounded}`, { code: 'bad_request' });
}

function reasonOf({ path, message }: StandardSchemaV1.Issue): string {
  const place = path?.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
  return place ? `${place}: ${message}` : message;
}
