/** What a program under test can do: a name, and what it makes of an input. */

import type { Fields } from '../case.ts';

/** @throws SottoError for what must be rejected; anything else is a mistake, of which the program ends. */
type Operation = (input: Fields) => Fields | Promise<Fields>;

export type Operations = Readonly<Record<string, Operation>>;
