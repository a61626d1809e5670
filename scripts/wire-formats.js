// Writes docs/wire-formats.md from the byte tables in src/wire/, or with --check fails where it is stale.

import { globSync, readFileSync, writeFileSync } from 'node:fs';

const TARGET = 'docs/wire-formats.md';
const sections = globSync('src/wire/*.ts')
  .sort()
  .map((file) => `## \`${file}\`\n\n${headComment(readFileSync(file, 'utf8'))}\n`);
const text = `${['# Wire formats', '', 'Every byte, in the words of the sources; made by `node scripts/wire-formats.js`.', ''].join('\n')}
${sections.join('\n')}
## Additions to the specification

- **Padding** (flag 4 of a routed request): datagrams may be filled up, since no reply to an unproven address is longer
  than its request. A receiver that does not know the flag should refuse the request.
- **413 over UDP**: the text is the size in bytes that the reply packet needs; the same packet, sent by TCP to the same
  port, gets the reply that was kept. Texts of other refusals may be cut to fit.
- **425**: the text is the time, in ms since 1970, that a fresh request should bear. A route declared \`once\` refuses
  requests without the flag in the same way; a client that does not know the time yet stamps 0.
- **Client proof of suites 0x5300 and 0x5301**: HMAC-SHA256 over header, exchange parameter and client key, under
  HKDF-SHA256(X25519(client, server), no salt, "sotto/pssst/client-proof" and the server's public key, 32 bytes).
- **Post-quantum key of an identity**: seed = HKDF-SHA256(private key, no salt, "sotto/identity/mlkem768-x25519", 32).
- **412**: \`conflict\`; what was to be written has been changed by somebody else.
- **Lookup, routes**: besides \`/lookup\`, sealed queries may name \`/lookup/set\` (body \`{ key, update, file?, tag? }\`, once),
  \`/lookup/watch\` (\`{ key, file?, since?, wait? }\`, answered with \`{ key, row, tag }\` when the row's tag is not \`since\`, or
  after \`wait\` ms, 25 000 at most) and \`/lookup/status\`. A tag is the first 12 bytes of the SHA-256 of the row as JSON, in
  base64.
- **Lookup, the outer representation** of \`S\` is \`b\` and not read: the routed message inside names its own.
- **STP, what is taken**: JSON is refused over 257 containers deep or 100 000 values. A header name whose value has
  another type counts as absent, but for \`user\` and \`namespace\`, which must be text; a frame of \`/peer-join\` without a
  \`tcpport\` from 1 to 65535 is dropped, by TCP too. On a stream a frame ends after 6 + H + B bytes, whatever follows.
- **Files between peers**: \`/sotto/files/offer\`, \`done\` and \`cancel\` are sealed messages (src/peers/files/offers.ts); the bytes come by
  a stream under keys from two ephemeral ones that the offer and its answer bear (src/envelope/file-stream.ts).
- **sickserv, what is taken**: keys of 1 to 1024 characters; JSON within the bounds of STP; of what follows an LZ4 frame
  nothing. The key from before a rekey is taken until the new one is heard. Made: 12 random hex digits for a sysid.
- **Keys as text**: bech32m, \`sotto1…\` for X25519, \`sottopq1…\` for the hybrid key.
`;

if (process.argv.includes('--check')) {
  if (readFileSync(TARGET, 'utf8') !== text) {
    console.error(`${TARGET} is stale: run node scripts/wire-formats.js`);
    process.exitCode = 1;
  }
} else writeFileSync(TARGET, text);

function headComment(source) {
  const [, comment = ''] = source.match(/^\/\*\*\n([\s\S]*?)\n \*\//) ?? [];
  return comment.replaceAll(/^ \* ?/gm, '');
}
