/** Which messages of the feed are shown; kept in the address, so that a view can be found again. */

import type { TrafficRecord } from '../contract.ts';

export interface FeedFilter {
  /** Empty for all. */
  readonly job: string;
  readonly seal: '' | 'sealed' | 'plain';
  readonly status: '' | 'ok' | 'failed';
  readonly text: string;
}

export function filterOf(query: URLSearchParams): FeedFilter {
  return {
    job: query.get('job') ?? '',
    seal: oneOf(query.get('seal'), ['sealed', 'plain']),
    status: oneOf(query.get('status'), ['ok', 'failed']),
    text: query.get('text') ?? '',
  };
}

export function matches(record: TrafficRecord, { job, seal, status, text }: FeedFilter): boolean {
  return (
    (job === '' || record.job === job) &&
    (seal === '' || record.isSealed === (seal === 'sealed')) &&
    (status === '' || (record.status === 0) === (status === 'ok')) &&
    (text === '' || hasText(record, text.toLowerCase()))
  );
}

function hasText({ route, request, reply, remote, sender }: TrafficRecord, text: string): boolean {
  const places = [route, request, reply, remote, sender?.key, sender?.fingerprint];
  return places.some((place) => place?.toLowerCase().includes(text));
}

function oneOf<Value extends string>(value: string | null, values: readonly Value[]): Value | '' {
  return values.find((one) => one === value) ?? '';
}
