/** Messages for peers that are away: on disk, in their order, bounded, and not for ever. */

import { openDatabase } from '#files';
import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import type { Database, SqlValue, Statement } from '../platform/types.ts';
import type { Representation } from '../wire/representation.ts';

/** A message that waits for its peer. */
export interface Letter {
  readonly number: number;
  /** By which the peer knows it again should it come twice; 16 bytes. */
  readonly id: Bytes;
  readonly peer: string;
  readonly route: string;
  readonly representation: Representation;
  readonly body: Bytes;
  /** ms since 1970. */
  readonly expiresAt: number;
}

interface OutboxLimits {
  /** Letters for one peer. Default 1000. */
  readonly maxPerPeer: number;
  /** Letters in all. Default 10 000. */
  readonly maxInAll: number;
  /** Bytes of all bodies. Default 64 MiB. */
  readonly maxBytes: number;
}

const LIMITS: OutboxLimits = { maxPerPeer: 1000, maxInAll: 10_000, maxBytes: 64 * 1024 * 1024 };

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sotto_outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL,
    peer TEXT NOT NULL,
    route TEXT NOT NULL,
    representation TEXT NOT NULL,
    body BLOB NOT NULL,
    expires_at INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS sotto_outbox_peer ON sotto_outbox (peer, number);
  CREATE INDEX IF NOT EXISTS sotto_outbox_expiry ON sotto_outbox (expires_at);
`;

export class Outbox {
  readonly #database: Database;
  readonly #limits: OutboxLimits;
  readonly #insert: Statement;
  readonly #first: Statement;
  readonly #remove: Statement;
  readonly #expire: Statement;
  readonly #readdress: Statement;
  readonly #count: Statement;
  readonly #peers: Statement;

  /**
   * @param path a file, made where it is missing, or `:memory:`.
   * @throws SottoError `invalid_option` for a file that is no database.
   */
  constructor(path: string, limits: Partial<OutboxLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    const database = openDatabase(path, { isPrivate: true });
    database.execute(SCHEMA);
    this.#database = database;
    this.#insert = database.prepare(
      'INSERT INTO sotto_outbox (id, peer, route, representation, body, expires_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING number',
    );
    this.#first = database.prepare('SELECT * FROM sotto_outbox WHERE peer = ? ORDER BY number LIMIT 1');
    this.#remove = database.prepare('DELETE FROM sotto_outbox WHERE number = ?');
    this.#expire = database.prepare('DELETE FROM sotto_outbox WHERE expires_at <= ? RETURNING *');
    this.#readdress = database.prepare('UPDATE sotto_outbox SET peer = ? WHERE peer = ?');
    this.#count = database.prepare(
      'SELECT count(*) AS letters, coalesce(sum(length(body)), 0) AS bytes, count(*) FILTER (WHERE peer = ?) AS mine FROM sotto_outbox',
    );
    this.#peers = database.prepare('SELECT peer, count(*) AS letters FROM sotto_outbox GROUP BY peer');
  }

  /**
   * Keeps a letter; on disk when it resolves.
   *
   * @throws SottoError `too_many_requests` where too many wait.
   */
  add(letter: Omit<Letter, 'number'>): Promise<Letter> {
    const { id, peer, route, representation, body, expiresAt } = letter;
    return this.#database.write(() => {
      this.#requireRoom(peer, body.length);
      const row = this.#insert.get(id, peer, route, representation, body, expiresAt);
      return { ...letter, number: Number(row?.number) };
    });
  }

  /** The oldest letter for a peer; null where there is none. */
  next(peer: string): Letter | null {
    this.#database.flush();
    const row = this.#first.get(peer);
    return row ? letterIn(row) : null;
  }

  /** It was delivered, or refused for good. */
  async remove({ number }: Letter): Promise<void> {
    await this.#database.write(() => this.#remove.run(number));
  }

  /** What waits for one peer waits for another, which it has become. */
  async readdress(from: string, to: string): Promise<void> {
    await this.#database.write(() => this.#readdress.run(to, from));
  }

  /** Gives up what has waited too long. */
  expire(now: number): Promise<readonly Letter[]> {
    return this.#database.write(() => this.#expire.all(now).map(letterIn));
  }

  /** How many letters wait, by peer. */
  waiting(): ReadonlyMap<string, number> {
    this.#database.flush();
    return new Map(this.#peers.all().map(({ peer, letters }) => [String(peer), Number(letters)]));
  }

  close(): void {
    this.#database.close();
  }

  #requireRoom(peer: string, size: number): void {
    const { letters, bytes, mine } = this.#count.get(peer) ?? {};
    const { maxPerPeer, maxInAll, maxBytes } = this.#limits;
    const isFull =
      Number(mine) >= maxPerPeer || Number(letters) >= maxInAll || Number(bytes) + size > maxBytes;
    if (isFull) throw new SottoError('too_many_requests', 'Too many messages wait for peers that are away.');
  }
}

function letterIn(row: Record<string, SqlValue>): Letter {
  return {
    number: Number(row.number),
    id: row.id as Bytes,
    peer: String(row.peer),
    route: String(row.route),
    representation: String(row.representation) as Representation,
    body: row.body as Bytes,
    expiresAt: Number(row.expires_at),
  };
}
