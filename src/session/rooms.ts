/** Who is in which room. */

export class Rooms<Member> {
  readonly #rooms = new Map<string, Set<Member>>();
  readonly #roomsOf = new Map<Member, Set<string>>();
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
    return [...(this.#roomsOf.get(member) ?? [])];
  }

  join(member: Member, room: string): void {
    const members = this.#rooms.get(room) ?? new Set();
    if (members.has(member)) return;
    this.#rooms.set(room, members.add(member));
    this.#roomsOf.set(member, (this.#roomsOf.get(member) ?? new Set()).add(room));
    this.#onChange(room, member, true);
  }

  leave(member: Member, room: string): void {
    if (this.#remove(member, room)) this.#onChange(room, member, false);
  }

  /** It is out of all of them before anybody is told. */
  leaveAll(member: Member): void {
    const left = this.of(member).filter((room) => this.#remove(member, room));
    for (const room of left) this.#onChange(room, member, false);
  }

  #remove(member: Member, room: string): boolean {
    const [members, rooms] = [this.#rooms.get(room), this.#roomsOf.get(member)];
    if (!members?.delete(member)) return false;
    rooms?.delete(room);
    if (members.size === 0) this.#rooms.delete(room);
    if (rooms?.size === 0) this.#roomsOf.delete(member);
    return true;
  }
}
