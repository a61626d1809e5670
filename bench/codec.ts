/** What sealing and opening cost beyond the bare primitives of the same runtime, arranged by hand. */

import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { CipherSuite, generateKeyPair, PssstClient, PssstServer } from '../src/envelope/pssst.ts';
import { primitives } from '../src/platform/node/crypto.ts';
import { measureAll, printTable } from './table.ts';

const MESSAGE = new Uint8Array(64).fill(7);
const NONCE = randomBytes(12);
const HEADER = Buffer.alloc(4);
const SERVER = generateKeyPairSync('x25519');
const SERVER_RAW = Buffer.from(SERVER.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
const CLIENT_RAW = Buffer.from(
  generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x ?? '',
  'base64url',
);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const wrap: (key: Buffer) => Buffer | KeyObject =
  major === 24 && minor >= 18 ? createSecretKey : (key) => key;

function importPublic(raw: Buffer): KeyObject {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: raw.toString('base64url') },
    format: 'jwk',
  });
  Error.stackTraceLimit = limit;
  return key;
}

function seal(name: 'aes-128-gcm' | 'aes-256-gcm', key: Buffer): [Buffer, Buffer] {
  const cipher = createCipheriv(name, wrap(key), NONCE, { authTagLength: 16 });
  cipher.setAAD(HEADER);
  const text = cipher.update(MESSAGE);
  cipher.final();
  return [text, cipher.getAuthTag()];
}

function open(name: 'aes-128-gcm' | 'aes-256-gcm', key: Buffer, text: Buffer, tag: Buffer): void {
  const decipher = createDecipheriv(name, wrap(key), NONCE, { authTagLength: 16 });
  decipher.setAAD(HEADER);
  decipher.setAuthTag(tag);
  decipher.update(text);
  decipher.final();
}

/** The primitives of one packet and no more: agreement with a fresh key, derivation, one opening, one sealing. */
function bare(suite: CipherSuite, side: 'server' | 'client'): () => void {
  const name = suite === CipherSuite.X25519_AESGCM128 ? 'aes-128-gcm' : 'aes-256-gcm';
  const key = randomBytes(name === 'aes-128-gcm' ? 16 : 32);
  const [text, tag] = seal(name, key);
  return () => {
    if (side === 'client') {
      const fresh = generateKeyPairSync('x25519');
      fresh.publicKey.export({ format: 'jwk' });
      diffieHellman({ privateKey: fresh.privateKey, publicKey: SERVER.publicKey });
    } else diffieHellman({ privateKey: SERVER.privateKey, publicKey: importPublic(CLIENT_RAW) });
    if (name === 'aes-128-gcm') hash('sha256', Buffer.concat([CLIENT_RAW, SERVER_RAW]), 'buffer');
    else hkdfSync('sha256', wrap(SERVER_RAW), HEADER, Buffer.concat([CLIENT_RAW, SERVER_RAW]), 76);
    if (name === 'aes-256-gcm' && side === 'server') randomBytes(12);
    seal(name, key);
    open(name, key, text, tag);
  };
}

export function benchCodec(): void {
  const { agree, importPublic: importKey } = primitives.x25519;
  for (const suite of [CipherSuite.X25519_AESGCM128, CipherSuite.X25519_AESGCM256] as const) {
    const keys = generateKeyPair(suite);
    const client = new PssstClient(keys.publicKey, { cipherSuite: suite });
    const server = new PssstServer(keys.privateKey, { cipherSuite: suite });
    const { packet, openReply } = client.packRequest(MESSAGE);
    const reply = server.unpackRequest(packet).packReply(MESSAGE);
    const works = [
      bare(suite, 'server'),
      () => void server.unpackRequest(packet).packReply(MESSAGE),
      bare(suite, 'client'),
      () => {
        client.packRequest(MESSAGE);
        openReply(reply);
      },
    ];
    const [bareServer = 1, ourServer = 1, bareClient = 1, ourClient = 1] = measureAll(works);
    printTable(`Suite ${suite === 1 ? '1' : '0x5300'}, 64-byte messages, one core`, 'bare primitives', [
      { name: 'server: primitives alone', perSecond: bareServer, reference: bareServer },
      { name: 'server: unpackRequest + packReply', perSecond: ourServer, reference: bareServer },
      { name: 'client: primitives alone', perSecond: bareClient, reference: bareClient },
      { name: 'client: packRequest + unpackReply', perSecond: ourClient, reference: bareClient },
    ]);
  }
  const privateKey = primitives.x25519.generate().privateKey;
  const [x25519 = 1] = measureAll([() => void agree(privateKey, importKey(CLIENT_RAW))], 3);
  console.log(`\nX25519 with a fresh public key alone: ${x25519.toFixed(0)} per second`);
}
