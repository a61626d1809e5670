import { primitives } from '#crypto';
import { SottoError } from '../errors.ts';
import { resolveAsking } from '../sealed/options.ts';
import { suiteFor } from '../sealed/packet-client.ts';
import { SealedClient } from '../sealed/sealed-client.ts';
import { connect, streamTwin } from '../transport/connect.ts';
import { CipherSuite } from '../wire/pssst.ts';
import type { RequestClientOptions } from './options.ts';

/**
 * Asks one server, by one URL or by several at once; any number of requests in flight.
 *
 * @example
 * ```ts
 * import { RequestClient } from 'sotto/request';
 * const serverKey = process.argv[2] ?? '';
 * await using client = await RequestClient.connect('udp://127.0.0.1:7878', { serverKey });
 * console.log(await client.request('/echo', { hello: 'world' }));
 * ```
 */
export class RequestClient extends SealedClient {
  /**
   * Makes a client; nothing is sent before the first request.
   *
   * @param url where the server listens, or several URLs of one server, which are raced with the same bytes.
   * @throws SottoError `invalid_url`, `invalid_key`, `invalid_option`, `low_order_point`.
   */
  static async connect(
    url: string | readonly string[],
    options: RequestClientOptions,
  ): Promise<RequestClient> {
    const urls = typeof url === 'string' ? [url] : url;
    if (urls.length === 0) throw new SottoError('invalid_url', 'A client needs one URL or more.');
    const { hub } = options;
    const asking = resolveAsking(options);
    if (suiteFor(asking) === CipherSuite.MLKEM768X25519_AESGCM256) await primitives.loadPostQuantum();
    return new RequestClient(urls, asking, {
      connect: (road, events, limits) =>
        connect(road, events, hub === undefined ? limits : { ...limits, hub }),
      streamTwin,
    });
  }
}
