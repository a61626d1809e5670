/** Who may come by one door, as its section of the config says: the list may change while connections go on. */

import { accessList } from '../../keys/access-list.ts';

type Allowed = ReturnType<typeof accessList>;

interface Section {
  readonly allow?: readonly string[] | undefined;
}

/** Everybody, where there is no list. */
export function allowedBy({ allow }: Section): Allowed {
  return allow === undefined ? () => true : accessList(allow);
}

export class LiveAllow<T extends Section> {
  readonly #rest: string;
  #allowed: Allowed;

  constructor(section: T) {
    this.#rest = withoutList(section);
    this.#allowed = allowedBy(section);
  }

  readonly allows: Allowed = (key) => this.#allowed(key);

  /** @returns false where more than the list has changed. */
  apply(section: T): boolean {
    if (withoutList(section) !== this.#rest) return false;
    this.#allowed = allowedBy(section);
    return true;
  }
}

function withoutList(section: Section): string {
  return JSON.stringify({ ...section, allow: undefined });
}
