/** Asking as simple_client_server's own client does: in the clear, or under the legacy hybrid. */

import { type Bytes, sameBytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { Exchange } from '../sealed/exchange.ts';
import type { Backoff } from '../transport/backoff.ts';
import {
  automaticRepresentation,
  decodeReply,
  encodeQuery,
  type LookupMessage,
  type LookupRepresentation,
  ORIGINAL_MAX_QUERY,
  ORIGINAL_MAX_REPLY,
  queryHeader,
} from '../wire/simple-client-server.ts';
import { clientKeyPair, type LegacyClientKeys, type LegacyKeyPair } from './legacy/keys.ts';
import { plainLink } from './sealed-roads.ts';
import { closePayload, openPayload, type UnsealedScheme } from './unsealed.ts';

const LINE_END = 0x0a;
/** A text may be cut a little before the end of the room, between two characters. */
const LONGEST_CHARACTER = 4;

export interface UnsealedOptions {
  readonly urls: { readonly udp: string | null; readonly tcp: string };
  readonly scheme: UnsealedScheme;
  readonly legacyKeys: LegacyClientKeys | undefined;
  readonly representation: LookupRepresentation | 'a';
  /** ms. */
  readonly timeout: number;
  readonly backoff: Backoff;
  /** Bytes over TCP. */
  readonly maxReply: number;
  readonly signal: AbortSignal | undefined;
}

/** @throws SottoError as {@link lookup} does. */
export async function askUnsealed(query: unknown, options: UnsealedOptions): Promise<unknown> {
  const { urls, scheme, legacyKeys } = options;
  const keys = scheme === 'legacy-rsa' ? keysOf(legacyKeys) : null;
  const { representation: wanted } = options;
  const representation = wanted === 'a' ? automaticRepresentation(query) : wanted;
  const header = queryHeader(scheme, representation);
  const payload = closePayload(query, representation, keys?.seals ?? null);
  const packet = encodeQuery(header, payload);
  const overTcp = (): Promise<LookupMessage> => exchange(packet, header, urls.tcp, options);
  const opened = (reply: LookupMessage): unknown => openPayload(reply, keys?.opens ?? null);
  if (urls.udp === null || packet.length > ORIGINAL_MAX_QUERY) {
    requireOneLine(payload);
    return opened(await overTcp());
  }
  const reply = await exchange(packet, header, urls.udp, options);
  if (!mayBeCut(reply) || payload.includes(LINE_END)) return opened(reply);
  // A server of the original never answers plain TCP: what came by UDP then stands.
  return opened(await overTcp().catch(() => reply));
}

function keysOf(keys: LegacyClientKeys | undefined): LegacyKeyPair {
  if (keys) return clientKeyPair(keys);
  const text = 'legacy-rsa needs legacyKeys: the public query key of the server and the private reply key.';
  throw new SottoError('invalid_option', text);
}

/** Sends one query by one road until a reply to it comes. */
async function exchange(
  packet: Bytes,
  header: Bytes,
  url: string,
  options: UnsealedOptions,
): Promise<LookupMessage> {
  const { timeout, backoff, maxReply, signal } = options;
  const events = {
    onPacket(bytes: Bytes) {
      try {
        const reply = decodeReply(bytes);
        if (sameBytes(reply.header, header)) asking.settle(reply);
      } catch (error) {
        asking.fail(error);
      }
    },
    onCut() {},
  };
  const limits = { timeout, maxDatagram: ORIGINAL_MAX_QUERY, maxPacket: maxReply };
  const link = plainLink(url, events, limits);
  const asking = new Exchange<LookupMessage>({
    packet,
    links: [link],
    backoff,
    raceAfter: 0,
    timeout,
    signal,
    oneWay: false,
  });
  try {
    asking.start();
    return await asking.answer;
  } finally {
    await link.close();
  }
}

/** Whether it is as long as replies are that a server has cut to what the original's client reads. */
function mayBeCut({ header, payload }: LookupMessage): boolean {
  const length = header.length + payload.length;
  return length <= ORIGINAL_MAX_REPLY && length > ORIGINAL_MAX_REPLY - LONGEST_CHARACTER;
}

function requireOneLine(payload: Bytes): void {
  if (!payload.includes(LINE_END)) return;
  const text = 'Plain TCP takes one line: this query has several. Ask over UDP, sealed, or as JSON.';
  throw new SottoError('invalid_body', text);
}
