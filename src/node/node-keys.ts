/** A node's own keys, and those of others that it refuses: both may change while it runs. */

import { codeOf } from '../errors.ts';
import { Identity } from '../keys/identity.ts';
import { IdentityRing } from '../keys/identity-ring.ts';
import { RevokedKeys } from '../keys/revoked-keys.ts';

interface NodeKeysOptions {
  readonly identity: Identity | IdentityRing;
  /** What the key file says now; null where the keys stay those of the start. */
  readonly loadIdentities: (() => Promise<IdentityRing>) | null;
  /** The file of revoked keys. */
  readonly revoked: string;
}

export class NodeKeys {
  /** Servers look into both at every packet. */
  readonly identities: IdentityRing;
  readonly revoked: RevokedKeys;
  readonly #load: NodeKeysOptions['loadIdentities'];

  /** @throws SottoError `key_file_exposed`, `key_file_invalid` for the list of revoked keys. */
  static async open(options: NodeKeysOptions): Promise<NodeKeys> {
    return new NodeKeys(options, await RevokedKeys.load(options.revoked));
  }

  private constructor({ identity, loadIdentities }: NodeKeysOptions, revoked: RevokedKeys) {
    this.identities = IdentityRing.of(identity);
    this.revoked = revoked;
    this.#load = loadIdentities;
  }

  /**
   * Takes what the files say now.
   *
   * @returns whether that is anything new.
   * @throws what a file says that cannot be read; nothing has changed then.
   */
  async refresh(): Promise<boolean> {
    const before = this.#text();
    const identities = await this.#load?.();
    await this.revoked.refresh();
    if (identities) this.identities.replace(identities);
    return this.#text() !== before;
  }

  #text(): string {
    const { current, previous } = this.identities;
    const accepted = previous.map(({ identity, until }) => [identity.publicKey, until]);
    return JSON.stringify([current.publicKey, accepted, this.revoked.list().map(({ id }) => id)]);
  }
}

/** The identity in a file; a new one where there is no file. */
export function loadOrMakeIdentity(file: string, options: { passphrase?: string } = {}): Promise<Identity> {
  return orMake(file, options, (sealed) => Identity.load(file, sealed));
}

/** The same, with the keys before it that are still accepted. */
export async function loadOrMakeIdentities(
  file: string,
  options: { passphrase?: string } = {},
): Promise<IdentityRing> {
  return IdentityRing.of(await orMake(file, options, (sealed) => IdentityRing.load(file, sealed)));
}

async function orMake<T>(
  file: string,
  { passphrase }: { passphrase?: string },
  load: (sealed: { passphrase?: string }) => Promise<T>,
): Promise<T | Identity> {
  const sealed = passphrase === undefined ? {} : { passphrase };
  try {
    return await load(sealed);
  } catch (error) {
    if (codeOf(error) !== 'key_file_missing') throw error;
  }
  const identity = Identity.generate();
  await identity.save(file, sealed);
  return identity;
}
