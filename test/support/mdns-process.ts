/** Another tool of multicast DNS on a host: tells what is answered there, and asks. Its own address is the argument. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { decode, encode } from 'dns-packet';
import type { MdnsAsking, MdnsTold } from './spawned-mdns.ts';

const PORT = 5353;
const GROUP = '224.0.0.251';

const [, , address = ''] = process.argv;
const resolver = createSocket({ type: 'udp4', reuseAddr: true }).bind(PORT);
/** Such as `dig`, which is told alone what it asks for. */
const plain = createSocket('udp4').bind(0, address);
await Promise.all([once(resolver, 'listening'), once(plain, 'listening')]);
resolver.addMembership(GROUP, address);
for (const socket of [resolver, plain]) socket.setMulticastInterface(address);
for (const [socket, road] of [
  [resolver, 'group'],
  [plain, 'alone'],
] as const) {
  socket.on('message', (bytes, from) => {
    const { type, id = 0, answers = [], additionals = [] } = decode(bytes);
    if (type === 'response')
      tell({ road, id, from: from.address, records: [...answers, ...additionals].map(readable) });
  });
}
tell({ ready: 'mdns' });

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, type, alone = false } = JSON.parse(line) as MdnsAsking;
  const query = encode({
    type: 'query',
    id: alone ? 77 : 0,
    questions: [{ name: ask, type: type as 'PTR' }],
  });
  (alone ? plain : resolver).send(query, PORT, GROUP);
}

function readable(answer: NonNullable<ReturnType<typeof decode>['answers']>[number]): object {
  if (answer.type !== 'TXT') return answer;
  return { ...answer, data: [answer.data].flat().map(String) };
}

function tell(what: MdnsTold): void {
  console.log(JSON.stringify(what));
}
