/** What is signed, as the vectors of lonelyps name it. */

import { decodeHex } from '../../bytes/text.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import type { Fields } from '../case.ts';

const KINDS: Readonly<Record<string, SignedOperation['kind']>> = {
  subscribe_exact: 'subscribe-exact',
  subscribe_glob: 'subscribe-glob',
  notify: 'notify',
  stateful_configure: 'configure',
  check_subscriptions: 'check',
  set_subscriptions: 'set',
  stateful_continue_receive: 'continue-receive',
  confirm_receive: 'confirm-receive',
  confirm_missed: 'confirm-missed',
  receive: 'receive',
  missed: 'missed',
  confirm_subscribe_exact: 'confirm-exact',
  confirm_subscribe_glob: 'confirm-glob',
  confirm_notify: 'confirm-notify',
  check_subscriptions_response: 'confirm-check',
  set_subscriptions_response: 'confirm-set',
  stateful_confirm_configure: 'confirm-configure',
  stateful_enable_zstd_preset: 'enable-zstd-preset',
  stateful_enable_zstd_custom: 'enable-zstd-custom',
  stateful_disable_zstd_custom: 'disable-zstd-custom',
  stateful_continue_notify: 'continue-notify',
};

const big = (value: unknown): bigint => BigInt(String(value));
const bytes = (value: unknown): Uint8Array => decodeHex(String(value));
const same = (value: unknown): unknown => value;

/** Our member for each of the Python's fields, and how it is read. */
const MEMBERS: Readonly<Record<string, readonly [string, (value: unknown) => unknown]>> = {
  exact: ['topic', bytes],
  topic: ['topic', bytes],
  identifier: ['identifier', bytes],
  message_sha512: ['sha512', bytes],
  sha512: ['sha512', bytes],
  etag: ['etag', bytes],
  subscriber_nonce: ['nonce', bytes],
  broadcaster_nonce: ['nonce', bytes],
  enable_zstd: ['enableZstd', same],
  enable_training: ['enableTraining', same],
  initial_dict: ['initialDictionary', same],
  num_subscribers: ['subscribers', same],
  part_id: ['part', big],
  compressor_identifier: ['compressor', big],
  compression_level: ['level', same],
  min_size: ['minSize', same],
  max_size: ['maxSize', big],
};

export function signedOperation(operation: string, fields: Fields): SignedOperation {
  const members = Object.entries(fields).map(([name, value]) => {
    const [member, read] = MEMBERS[name] ?? [name, same];
    return [member, read(value)];
  });
  return { kind: KINDS[operation], ...Object.fromEntries(members) } as SignedOperation;
}
