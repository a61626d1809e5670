/** Who is in which room. */

export class Rooms<Member> {
  readonly #rooms = new Map<string, Set<Member>>();
  readonly #onChange: (room: string, member: Member, isIn: boolean) => void;

  constructor(onChange: (room: string, member: Member, isIn: boolean) => void) {
    this.#onChange = onChange;
  }

  /** Those that anybody is in. */
  get names(): readonly string[] {
    return [...this.#rooms.keys()];
  }

  members(room: string): readonly Member[] {
    return [...(this.#rooms.get(room) ?? [])];
  }

  of(member: Member): readonly string[] {
    return this.names.filter((room) => this.#rooms.get(room)?.has(member));
  }

  join(member: Member, room: string): void {
    const members = this.#rooms.get(room) ?? new Set();
    if (members.has(member)) return;
    this.#rooms.set(room, members.add(member));
    this.#onChange(room, member, true);
  }

  leave(member: Member, room: string): void {
    const members = this.#rooms.get(room);
    if (!members?.delete(member)) return;
    if (members.size === 0) this.#rooms.delete(room);
    this.#onChange(room, member, false);
  }

  leaveAll(member: Member): void {
    for (const room of this.of(member)) this.leave(member, room);
  }
}
