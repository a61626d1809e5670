/**
 * Where is it? Two files that people edit in a spreadsheet, joined: things know the number of their place, places what
 * they are in. After the program that simple_client_server was written for.
 *
 *   node examples/lookup/home-inventory.ts [PORT] [KEY THAT MAY WRITE]
 *
 * It prints what to ask. With a key that may write, "1005 to 22" moves a thing.
 */

import { Identity, type LookupData, LookupServer, StatusError } from 'sotto/lookup';

process.chdir(import.meta.dirname);
const files = { 'things.csv': 'Label', 'places.csv': 'Number' } as const;
type Inventory = LookupData<typeof files>;
type Thing = NonNullable<ReturnType<Inventory['things.csv']['get']>>;

const [port = '9999', writer] = process.argv.slice(2);
const identity = Identity.generate();
const server = await LookupServer.start({
  port: Number(port),
  identity,
  files,
  ...(writer === undefined ? {} : { write: [writer] }),
  async query(text, data, ctx) {
    const move = /^(\w+) to (\w+)$/.exec(text.trim());
    if (!move) return sentences(text, data);
    const [, label = '', place = ''] = move;
    if (!data['places.csv'].has(place)) throw new StatusError(400, `There is no place ${place}.`);
    const moved = (await ctx.update('things.csv', label, { Where: place })) as Thing;
    return sentence(moved, data);
  },
});

console.log(`Ask, for instance:

  sotto lookup query drill --port ${server.address.port} --server-key ${identity.publicKey}
  sotto lookup query "what is in 20" --port ${server.address.port} --server-key ${identity.publicKey}`);

process.once('SIGINT', () => void server.close());

function sentences(text: string, data: Inventory): string {
  const [, place] = /^what is in (\w+)\??$/i.exec(text.trim()) ?? [];
  const words = text
    .toLowerCase()
    .replace(/^where (is|are) (the |my )?/, '')
    .replace(/\?$/, '')
    .trim();
  const found = [...data['things.csv'].values()].filter((thing) =>
    place === undefined ? thing.Thing?.toLowerCase().includes(words) : thing.Where === place,
  );
  return found.map((thing) => sentence(thing, data)).join('\n') || `Nobody knows of "${text}".`;
}

function sentence({ Thing, Where, Note }: Thing, data: Inventory): string {
  const note = Note ? ` (${Note})` : '';
  return `The ${Thing} is in ${placeName(Where ?? '', data)}${note}.`;
}

/** `desk drawer, study, house`; a place that is in itself ends the way. */
function placeName(number: string, data: Inventory): string {
  const names: string[] = [];
  const seen = new Set<string>();
  for (let at = number; at !== '' && !seen.has(at); ) {
    seen.add(at);
    const place = data['places.csv'].get(at);
    names.push(place?.Place ?? `an unknown place (${at})`);
    at = place?.In ?? '';
  }
  return names.join(', ');
}
