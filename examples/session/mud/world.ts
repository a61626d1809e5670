/** A small world of text: places, things, players, and what they can do. It knows nothing of networks. */

/** What a player sees; shown anew whenever it changes. */
export interface View {
  readonly place: string;
  readonly text: string;
  readonly exits: readonly string[];
  readonly things: readonly string[];
  readonly people: readonly string[];
  readonly bag: readonly string[];
}

/** Where what happens is told. */
export interface Senses {
  hear(text: string): void;
  see(view: View): void;
}

interface Place {
  readonly name: string;
  readonly text: string;
  /** Place by direction. */
  readonly exits: Readonly<Record<string, string>>;
  readonly things: Set<string>;
}

export interface Player {
  readonly name: string;
  readonly senses: Senses;
  readonly bag: Set<string>;
  place: Place;
}

const START = 'harbour';
const PLACES: Readonly<Record<string, Place>> = {
  harbour: {
    name: 'The harbour',
    text: 'Boats knock against the quay. It smells of tar and of fish. Lights burn in the tavern.',
    exits: { north: 'tavern', east: 'beach', up: 'tower' },
    things: new Set(['rope', 'fish']),
  },
  tavern: {
    name: 'The tavern',
    text: 'Low beams, long tables, and a fire that somebody should look after.',
    exits: { south: 'harbour', down: 'cellar' },
    things: new Set(['mug']),
  },
  cellar: {
    name: 'The cellar',
    text: 'Barrels as far as the light reaches, which is not far. There is a draught from the east.',
    exits: { up: 'tavern', east: 'cave' },
    things: new Set(['candle']),
  },
  beach: {
    name: 'The beach',
    text: 'Wet sand, and the tide going out. Between two rocks a cave opens to the north.',
    exits: { west: 'harbour', north: 'cave' },
    things: new Set(['shell']),
  },
  cave: {
    name: 'The cave',
    text: 'Water drips. Somebody has scratched a heart into the wall, and two letters that nobody can read.',
    exits: { south: 'beach', west: 'cellar' },
    things: new Set(['coin']),
  },
  tower: {
    name: 'The lighthouse',
    text: 'The lamp turns slowly overhead. From here you see the whole bay.',
    exits: { down: 'harbour' },
    things: new Set(['telescope']),
  },
};
const HELP = 'look · go DIRECTION · say WORDS · take THING · drop THING · who · help';

export class World {
  readonly #players = new Map<string, Player>();

  /** Null where somebody has the name. */
  enter(name: string, senses: Senses): Player | null {
    if (this.#players.has(name.toLowerCase())) return null;
    const player = { name, senses, bag: new Set<string>(), place: placeAt(START) };
    this.#players.set(name.toLowerCase(), player);
    this.#tell(player, `${name} steps off a boat.`);
    this.#show(player.place);
    return player;
  }

  /** What they carried stays where they were. */
  leave(player: Player): void {
    this.#players.delete(player.name.toLowerCase());
    for (const thing of player.bag) player.place.things.add(thing);
    this.#tell(player, `${player.name} is gone, like smoke.`);
    this.#show(player.place);
  }

  /** Those around a player hear what it does without wanting to. */
  notice(player: Player, what: string): void {
    this.#tell(player, `${player.name} ${what}`);
  }

  /** @returns what the player is told. */
  do(player: Player, line: string): string {
    const [, verb = '', rest = ''] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line) ?? [];
    switch (verb.toLowerCase()) {
      case 'look':
        return this.#look(player);
      case 'go':
        return this.#go(player, rest.toLowerCase());
      case 'say':
        return this.#say(player, rest);
      case 'take':
        return this.#move(player, rest.toLowerCase(), 'take');
      case 'drop':
        return this.#move(player, rest.toLowerCase(), 'drop');
      case 'who':
        return [...this.#players.values()].map(({ name, place }) => `${name}: ${place.name}`).join('\n');
      case 'help':
        return HELP;
      default:
        return Object.hasOwn(player.place.exits, verb.toLowerCase())
          ? this.#go(player, verb.toLowerCase())
          : `Nobody knows how to do that here. Try: ${HELP}`;
    }
  }

  #look(player: Player): string {
    const { place, text, exits, things, people, bag } = this.#viewOf(player);
    return [
      ...[place, text, `Exits: ${exits.join(', ')}`],
      ...(things.length > 0 ? [`Here: ${things.join(', ')}`] : []),
      ...(people.length > 0 ? [`With you: ${people.join(', ')}`] : []),
      ...(bag.length > 0 ? [`You carry: ${bag.join(', ')}`] : []),
    ].join('\n');
  }

  #go(player: Player, direction: string): string {
    const from = player.place;
    const to = Object.hasOwn(from.exits, direction) ? from.exits[direction] : undefined;
    if (to === undefined) return `There is no way ${direction || 'to nowhere'}.`;
    this.#tell(player, `${player.name} goes ${direction}.`);
    player.place = placeAt(to);
    this.#tell(player, `${player.name} comes in.`);
    this.#show(from);
    this.#show(player.place);
    return this.#look(player);
  }

  #say(player: Player, words: string): string {
    if (words === '') return 'You open your mouth, and close it again.';
    this.#tell(player, `${player.name} says: ${words}`);
    return `You say: ${words}`;
  }

  #move(player: Player, thing: string, how: 'take' | 'drop'): string {
    const { place, bag } = player;
    const [from, to] = how === 'take' ? [place.things, bag] : [bag, place.things];
    if (!from.delete(thing)) return how === 'take' ? `There is no ${thing} here.` : `You have no ${thing}.`;
    to.add(thing);
    this.#tell(player, `${player.name} ${how}s the ${thing}.`);
    this.#show(place);
    return `You ${how} the ${thing}.`;
  }

  #tell(player: Player, text: string): void {
    for (const other of this.#at(player.place)) if (other !== player) other.senses.hear(text);
  }

  #show(place: Place): void {
    for (const player of this.#at(place)) player.senses.see(this.#viewOf(player));
  }

  #at(place: Place): Player[] {
    return [...this.#players.values()].filter((player) => player.place === place);
  }

  #viewOf(player: Player): View {
    const { name, text, exits, things } = player.place;
    const others = this.#at(player.place).filter((other) => other !== player);
    return {
      ...{ place: name, text, exits: Object.keys(exits), things: [...things], bag: [...player.bag] },
      people: others.map((other) => other.name),
    };
  }
}

function placeAt(id: string): Place {
  const place = PLACES[id];
  if (!place) throw new Error(`The map leads to ${id}, which is not there.`);
  return place;
}
