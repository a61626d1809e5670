/** Questions to the node: an answer, or a problem as a sentence; never an exception. */

import type { Problem } from '../contract.ts';
import { Store } from './store.ts';

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

export type Query = Readonly<Record<string, string | number | undefined>>;

/** Whether the node no longer knows this browser. */
export const lockedOut: Store<boolean> = new Store(false);

const UNAUTHORIZED = 401;
const UNREACHABLE: Problem = {
  code: 'unreachable',
  text: 'The node does not answer. See whether it still runs; this page goes on trying.',
};

export function ask<T>(path: string, query: Query = {}): Promise<Outcome<T>> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(name, String(value));
  }
  return send<T>(search.size === 0 ? path : `${path}?${search}`, {});
}

export function change<T>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body: unknown = {},
): Promise<Outcome<T>> {
  const headers = { 'content-type': 'application/json', 'x-sotto-console': '1' };
  return send<T>(path, { method, headers, body: JSON.stringify(body) });
}

async function send<T>(path: string, init: RequestInit): Promise<Outcome<T>> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: 'same-origin', redirect: 'error' });
  } catch {
    return { ok: false, problem: UNREACHABLE };
  }
  if (response.status === UNAUTHORIZED) lockedOut.set(true);
  const content: unknown = await response.json().catch(() => null);
  if (response.ok) return { ok: true, value: content as T };
  return { ok: false, problem: isProblem(content) ? content : unexplained(response.status) };
}

function isProblem(content: unknown): content is Problem {
  return (
    typeof content === 'object' &&
    content !== null &&
    'text' in content &&
    typeof content.text === 'string' &&
    'code' in content
  );
}

function unexplained(status: number): Problem {
  return { code: 'status', text: `The node answered ${status} without saying why; its log may tell more.` };
}
