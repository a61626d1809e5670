/**
 * The line protocol by which implementations of PSSST are checked against each other: `TAG:hex` on standard input and
 * output. Cross-wire two such programs; each exits with 0 once it has seen two right replies.
 *
 *     node examples/pssst-compatibility.ts
 */

import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { generateKeyPair, type PackedRequest, PssstClient, PssstServer } from 'sotto/pssst';

const serverKeys = generateKeyPair();
const clientKeys = generateKeyPair();
const plaintext = new Uint8Array(randomBytes(64));
const server = new PssstServer(serverKeys.privateKey);

let theirClientKey = '';
let theirPlaintext = '';
const asked = new Map<string, PackedRequest>();
let repliesLeft = 2;
let theyAreDone = false;

const onLine: Readonly<Record<string, (bytes: Uint8Array) => void>> = {
  SERVER_KEY(key) {
    ask('REQUEST', new PssstClient(key));
    ask('REQUEST_AUTH', new PssstClient(key, { clientPrivateKey: clientKeys.privateKey }));
  },
  CLIENT_KEY(key) {
    theirClientKey = hex(key);
  },
  PLAINTEXT(bytes) {
    theirPlaintext = hex(bytes);
  },
  REQUEST(packet) {
    answer('REPLY', packet, null);
  },
  REQUEST_AUTH(packet) {
    answer('REPLY_AUTH', packet, theirClientKey);
  },
  REPLY(packet) {
    check('REQUEST', packet);
  },
  REPLY_AUTH(packet) {
    check('REQUEST_AUTH', packet);
  },
  DONE() {
    theyAreDone = true;
    leaveIfDone();
  },
};

// The other side may leave once it has what it wants; with both our replies in hand that is success.
process.stdout.on('error', () => process.exit(repliesLeft === 0 ? 0 : 1));

say('SERVER_KEY', serverKeys.publicKey);
say('CLIENT_KEY', clientKeys.publicKey);
say('PLAINTEXT', plaintext);

for await (const line of createInterface({ input: process.stdin })) {
  const [tag = '', text = ''] = line.split(':', 2);
  const handle = onLine[tag];
  if (!handle) fail(`a line begins with ${tag}`);
  else handle(Uint8Array.from(Buffer.from(text, 'hex')));
}
process.exitCode = repliesLeft === 0 ? 0 : 1;

function ask(tag: string, client: PssstClient): void {
  const request = client.packRequest(plaintext);
  asked.set(tag, request);
  say(tag, request.packet);
}

function answer(tag: string, packet: Uint8Array, clientKey: string | null): void {
  const { message, clientPublicKey, packReply } = server.unpackRequest(packet);
  if (hex(message) !== theirPlaintext) fail(`${tag}: another plaintext than announced`);
  if ((clientPublicKey && hex(clientPublicKey)) !== clientKey)
    fail(`${tag}: another client key than announced`);
  say(tag, packReply(message.toReversed()));
}

function check(tag: string, packet: Uint8Array): void {
  const reply = asked.get(tag)?.unpackReply(packet);
  if (!reply || hex(reply) !== hex(plaintext.toReversed())) fail(`${tag}: a wrong reply`);
  repliesLeft -= 1;
  if (repliesLeft === 0) say('DONE', new Uint8Array(0));
  leaveIfDone();
}

function leaveIfDone(): void {
  if (theyAreDone && repliesLeft === 0) process.exit(0);
}

function say(tag: string, bytes: Uint8Array): void {
  process.stdout.write(`${tag}:${hex(bytes)}\n`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
