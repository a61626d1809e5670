/** Every kind of socket that Node has. */

import type { Sockets } from '../types.ts';
import { listenHttp, listenHttpStreams, post, postStream } from './http.ts';
import { connectStream, listenStreams } from './tcp.ts';
import { bindDatagrams, connectDatagrams } from './udp.ts';
import { connectChannel } from './websocket.ts';

export const sockets: Sockets = {
  bindDatagrams,
  connectDatagrams,
  listenStreams,
  connectStream,
  listenHttp,
  listenHttpStreams,
  post,
  postStream,
  connectChannel,
  soon: (work) => void setImmediate(work),
};
