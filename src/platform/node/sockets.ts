/** Every kind of socket that Node has. */

import { hostname } from 'node:os';
import type { Sockets } from '../types.ts';
import { assertNetworks } from './addresses.ts';
import { listenHttp, listenHttpStreams } from './http.ts';
import { get, post, postStream } from './http-client.ts';
import { loadMdns } from './mdns.ts';
import { bindMulticast } from './multicast.ts';
import { perMachine } from './simulated.ts';
import { connectStream, listenStreams } from './tcp.ts';
import { bindDatagrams, connectDatagrams } from './udp.ts';
import { connectChannel } from './websocket.ts';

const ofSystem: Sockets = {
  bindDatagrams,
  connectDatagrams,
  bindMulticast,
  loadMdns,
  hostName: hostname,
  listenStreams,
  connectStream,
  listenHttp,
  listenHttpStreams,
  post,
  postStream,
  get,
  assertNetworks,
  connectChannel,
  soon: (work) => void setImmediate(work),
};

export const sockets: Sockets = perMachine(ofSystem, (machine) => machine.sockets);
