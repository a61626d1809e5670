/** Multicast sockets of one host; of several: multicast-hosts.test.ts. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { sockets } from '#sockets';
import type {
  DatagramSender,
  InterfaceAddress,
  MulticastOptions,
  MulticastSocket,
} from '../../src/platform/types.ts';
import { Journal } from '../support/journal.ts';

const GROUP = '239.192.77.107';
const OTHER_GROUP = '239.192.77.108';
const GROUP_6 = 'ff12::5354';
// Another run of this on the same machine would be heard too.
const PORT = 20_000 + (process.pid % 10_000);

interface Heard {
  readonly text: string;
  readonly from: DatagramSender;
}

const open: MulticastSocket[] = [];
after(() => Promise.all(open.map((socket) => socket.close())));

async function bind(options: Partial<MulticastOptions> = {}): Promise<Bound> {
  const heard = new Journal<Heard>();
  const lists = new Journal<readonly InterfaceAddress[]>();
  const socket = await sockets.bindMulticast({
    group: GROUP,
    port: PORT,
    ...options,
    onDatagram: (datagram, from) => heard.add({ text: new TextDecoder().decode(datagram), from }),
    onInterfaces: (current) => lists.add(current),
  });
  open.push(socket);
  return { socket, heard, lists };
}

test('two sockets hear each other, by loopback and by every other interface', async () => {
  const [one, two] = [await bind(), await bind()];
  const current = await one.lists.until('interfaces', () => true);
  assert.ok(current.some(({ address }) => address === '127.0.0.1'));
  for (const { name, address } of current) {
    one.socket.send(bytes('from one'));
    two.socket.send(bytes('from two'));
    const isBy = (text: string) => (heard: Heard) =>
      heard.text === text && heard.from.host === address && heard.from.interfaceName === name;
    await two.heard.until(`one by ${name}`, isBy('from one'));
    await one.heard.until(`two by ${name}`, isBy('from two'));
  }
});

test('unicast reaches just the socket whose unicastPort it is, and so does an answer to a multicast', async () => {
  const [one, two, three] = [await bind(), await bind(), await bind()];
  const ports = [one, two, three].map(({ socket }) => socket.unicastPort);
  assert.equal(new Set([PORT, ...ports]).size, 4);
  for (const to of ports) three.socket.sendTo(bytes(`to ${to}`), { host: '127.0.0.1', port: to });
  for (const { heard, socket } of [one, two, three]) {
    const { text, from } = await heard.until('unicast', ({ text }) => text.startsWith('to '));
    assert.equal(text, `to ${socket.unicastPort}`);
    assert.equal(from.port, three.socket.unicastPort);
  }
  one.socket.send(bytes('who is there'));
  const { from } = await two.heard.until('question', ({ text }) => text === 'who is there');
  two.socket.sendTo(bytes('me'), from);
  await one.heard.until('answer', ({ text }) => text === 'me');
});

test('several groups share a socket, which hears each once by an interface', async () => {
  const both = await bind({ group: [GROUP, OTHER_GROUP], interfaces: ['lo', '127.0.0.1'] });
  const single = await bind({ group: OTHER_GROUP, interfaces: ['127.0.0.1'] });
  single.socket.send(bytes('to the other'));
  single.socket.send(bytes('end'));
  await both.heard.until('end', ({ text }) => text === 'end');
  assert.equal(both.heard.entries.filter(({ text }) => text === 'to the other').length, 1);
  both.socket.send(bytes('to both'));
  await single.heard.until('both', ({ text }) => text === 'to both');
});

test('a closed socket hears nothing, and sending by it, or too much, or to nowhere, is no error', async () => {
  const [one, two, three] = [await bind(), await bind(), await bind({ maxDatagram: 100 })];
  await two.socket.close();
  await two.socket.close();
  two.socket.send(bytes('from the dead'));
  two.socket.sendTo(bytes('from the dead'), { host: '127.0.0.1', port: one.socket.unicastPort });
  await two.socket.refresh();
  one.socket.send(new Uint8Array(70_000));
  one.socket.send(new Uint8Array(101));
  for (const host of ['::1', 'localhost', '255.255.255.256', '0.0.0.0', '240.0.0.1', '']) {
    for (const port of [0, 1, 65_536, -1]) one.socket.sendTo(bytes('x'), { host, port });
  }
  one.socket.send(bytes('still here'));
  await three.heard.until('more', ({ text }) => text === 'still here');
  assert.deepEqual(two.heard.entries, []);
  assert.ok(three.heard.entries.every(({ text }) => text.length <= 100 && text !== 'from the dead'));
});

test('a socket whose interfaces are not there says so, and sends nothing', async () => {
  const [lonely, other] = [await bind({ interfaces: ['nothing0', '203.0.113.1'] }), await bind()];
  assert.deepEqual(await lonely.lists.until('interfaces', () => true), []);
  lonely.socket.send(bytes('to nobody'));
  other.socket.send(bytes('end'));
  await other.heard.until('end', ({ text }) => text === 'end');
  assert.ok(!other.heard.entries.some(({ text }) => text === 'to nobody'));
});

test('what cannot be asked for is refused with a reason', async () => {
  await assert.rejects(bind({ group: '192.168.1.1' }), { code: 'invalid_option' });
  await assert.rejects(bind({ group: 'ff12::1%lo' }), { code: 'invalid_option' });
  await assert.rejects(bind({ group: [] }), { code: 'invalid_option' });
  await assert.rejects(bind({ group: [GROUP, GROUP_6] }), { code: 'invalid_option' });
  await assert.rejects(bind({ ttl: 0 }), { code: 'invalid_option' });
  const taken = await sockets.bindDatagrams({
    host: '0.0.0.0',
    port: 0,
    reusePort: false,
    onDatagram() {},
  });
  await assert.rejects(bind({ port: taken.port }), { code: 'address_in_use' });
  await assert.rejects(bind({ unicastPort: taken.port }), { code: 'address_in_use' });
  await taken.close();
});

interface Bound {
  readonly socket: MulticastSocket;
  readonly heard: Journal<Heard>;
  readonly lists: Journal<readonly InterfaceAddress[]>;
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
