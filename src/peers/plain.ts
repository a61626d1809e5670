/** Messages that nobody has proved: of originals, and broadcasts of everybody. They reach the app, marked as what they are. */

import { sockets } from '#sockets';
import type { Dispatcher } from '../app/app.ts';
import type { Logger } from '../app/message.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import type { Counters } from '../sealed/counters.ts';
import {
  decodeStpBody,
  encodeStpBody,
  encodeStpFrame,
  PEER_ANSWER,
  PEER_JOIN,
  type StpFrame,
  type StpHeader,
} from '../wire/stp.ts';
import { type LegacyNodeKey, LegacyPeerKey } from './legacy/rsa-oaep.ts';
import type { Place } from './peer.ts';

interface PlainMessagesOptions {
  readonly app: Dispatcher;
  readonly header: (namespace: string) => StpHeader;
  /** Opens what originals seal; null where they are not served. */
  readonly key: LegacyNodeKey | null;
  readonly counters: Counters;
  readonly log: Logger;
  /** ms. */
  readonly timeout: number;
}

/** How a message came that is not sealed for this node alone. */
export interface PlainArrival {
  readonly frame: StpFrame;
  readonly transport: 'udp' | 'tcp';
  readonly remote: string;
  /** By the group's secret. */
  readonly isSealed: boolean;
}

const OWN_ROUTES = '/sotto/';

export class PlainMessages {
  readonly #options: PlainMessagesOptions;

  constructor(options: PlainMessagesOptions) {
    this.#options = options;
  }

  /** Hands a message to the app; an answer has nowhere to go. Never rejects. */
  async take({ frame, transport, remote, isSealed }: PlainArrival): Promise<void> {
    const { app, counters, log } = this.#options;
    const { header } = frame;
    const { namespace } = header;
    if (namespace === undefined || namespace === PEER_JOIN || namespace.startsWith(OWN_ROUTES)) return;
    try {
      const bytes = header.encrypted ? this.#open(frame.body) : frame.body;
      const body = decodeStpBody(bytes);
      const route = namespace.startsWith('/') ? namespace : `/${namespace}`;
      const road = { protocol: 'peers', transport, remote, isSealed } as const;
      const facts = { sender: null, proof: 'none', ...road } as const;
      const { status } = await app.dispatch({ route, body, bytes, representation: 'j', ...facts });
      counters.add(status === 0 ? 'plain_handled' : `plain_status_${status}`);
    } catch (error) {
      counters.add(codeOf(error));
      log.debug({ remote, why: messageOf(error) }, 'a plain message was dropped');
    }
  }

  /**
   * One message to an original; whether it closed the connection in good order, which is all it ever says.
   *
   * @param publicKey hex, which seals it; null sends it as it is.
   * @throws SottoError `invalid_body`, `request_too_large`, `invalid_key`, `unreachable`.
   */
  async tell(
    place: Pick<Place, 'host' | 'tcpPort'>,
    namespace: string,
    msg: unknown,
    publicKey: string | null,
  ): Promise<void> {
    const plain = encodeStpBody(msg);
    const body = publicKey === null ? plain : LegacyPeerKey.read(publicKey).seal(plain);
    const header = { ...this.#options.header(namespace), encrypted: publicKey !== null };
    await this.#send(place, encodeStpFrame({ header, body }));
  }

  /** The answer to an original that asks who is there. Never rejects. */
  async answerQuestion(place: Pick<Place, 'host' | 'tcpPort'>): Promise<void> {
    await this.tell(place, PEER_JOIN, PEER_ANSWER, null).catch((error: unknown) => {
      this.#options.log.debug({ place, why: messageOf(error) }, 'a question could not be answered');
    });
  }

  async #send({ host, tcpPort }: Pick<Place, 'host' | 'tcpPort'>, frame: Bytes): Promise<void> {
    const { timeout } = this.#options;
    const pipe = await sockets.connectStream({ host, port: tcpPort }, timeout);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => pipe.destroy(), timeout);
      pipe.start({
        onData: () => {},
        onDrain: () => {},
        onClose: (why) => {
          clearTimeout(timer);
          if (why === null) resolve();
          else reject(new SottoError('unreachable', `${host} cut the connection: ${why}`));
        },
      });
      pipe.send([frame]);
    });
  }

  #open(body: Bytes): Bytes {
    const { key } = this.#options;
    if (!key) throw new SottoError('decrypt_failed', 'It is sealed for nobody here.');
    return key.open(body);
  }
}
