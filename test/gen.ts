import { writeFileSync } from 'node:fs';
import { generateKeyPair, PssstClient } from '/work/main/src/envelope/pssst.ts';

const h = (b: any) => b && Buffer.from(b).toString('hex');
const vectors = [];
for (const suite of [0x5300, 0x5301] as const)
  for (const auth of [false, true]) {
    const k = generateKeyPair(suite),
      c = generateKeyPair();
    const message = Buffer.from('golden ' + suite.toString(16));
    const p = new PssstClient(k.publicKey, {
      cipherSuite: suite,
      ...(auth ? { clientPrivateKey: c.privateKey } : {}),
    }).packRequest(message);
    vectors.push({
      suite,
      serverPrivate: h(k.privateKey),
      packet: h(p.packet),
      message: h(message),
      clientPublic: auth ? h(c.publicKey) : null,
    });
  }
writeFileSync(
  '/work/main/test/vectors/native-suites.json',
  JSON.stringify(
    { origin: 'Made by Sotto 0.1.0 itself, on node primitives: what must go on opening.', vectors },
    null,
    1,
  ) + '\n',
);
