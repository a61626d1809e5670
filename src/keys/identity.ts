import { primitives } from '#crypto';
import { files } from '#files';
import { decodeKeyFile, decodePem, encodeKeyFile, encodePem, looksLikePem } from '#key-forms';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { decodeUtf8, encodeHex, encodeUtf8 } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import { rawPrivateKey } from './key-like.ts';
import { PublicKey } from './public-key.ts';

const HYBRID_LABEL = encodeUtf8('sotto/identity/mlkem768-x25519');

/**
 * An X25519 key pair: who a program is, for every job. Never printed: text, JSON and inspection show the public key.
 *
 * @example
 * ```ts
 * import { Identity } from 'sotto';
 * const identity = Identity.generate();
 * await identity.save('alice.key', { passphrase: 'correct horse battery staple' });
 * const again = await Identity.load('alice.key', { passphrase: 'correct horse battery staple' });
 * console.log(again.publicKey.equals(identity.publicKey)); // true
 * ```
 */
export class Identity {
  /** To hand out. */
  readonly publicKey: PublicKey;
  readonly #privateKey: Bytes;

  static {
    // Inspection with getters would print the private key.
    Object.defineProperty(Identity.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Identity): string {
        return this.toString();
      },
    });
  }

  /** A fresh key pair. */
  static generate(): Identity {
    const { x25519 } = primitives;
    return new Identity(x25519.exportPrivate(x25519.generate().privateKey));
  }

  /**
   * @param privateKey 32 bytes or their hex; a public key is refused.
   * @throws SottoError `invalid_key`.
   */
  static from(privateKey: Bytes | string): Identity {
    return new Identity(rawPrivateKey(privateKey, 'The private key'));
  }

  /**
   * From a PKCS8 PEM text, as `openssl genpkey -algorithm X25519` prints.
   *
   * @throws SottoError `invalid_key`.
   */
  static fromPem(pem: string): Identity {
    const { privateKey, publicKey } = decodePem(pem);
    const identity = new Identity(privateKey);
    if (publicKey === null || identity.publicKey.equals(publicKey)) return identity;
    throw new SottoError('invalid_key', 'The public key in this PEM text is not that of its private key.');
  }

  /**
   * From a file: Sotto's own, a PKCS8 PEM, or the raw hex that PSSST's programs read.
   *
   * @throws SottoError `key_file_missing`, `key_file_exposed` (others can read or write it), `key_file_invalid`,
   * `passphrase_required`, `wrong_passphrase`, `unsupported_platform`.
   */
  static async load(file: string, options: { passphrase?: string } = {}): Promise<Identity> {
    const content = await files.readPrivate(file);
    try {
      return await parseIdentity(decodeUtf8(content), options.passphrase);
    } catch (cause) {
      const code =
        cause instanceof SottoError && !NOT_OF_FILES.has(cause.code) ? cause.code : 'key_file_invalid';
      throw new SottoError(code, `${file}: ${messageOf(cause)}`, { cause });
    }
  }

  private constructor(privateKey: Bytes) {
    this.#privateKey = new Uint8Array(privateKey); // a Buffer's slice would be a view of the caller's bytes
    const { x25519 } = primitives;
    this.publicKey = PublicKey.from(x25519.publicKey(x25519.importPrivate(this.#privateKey)));
  }

  /** 32 bytes. A secret: whoever has it is this identity. */
  get privateKey(): Bytes {
    return this.#privateKey.slice();
  }

  /** The seed of this identity's post-quantum key pair, 32 bytes, derived from the private key. A secret. */
  get hybridSeed(): Bytes {
    return primitives.hkdfSha256(this.#privateKey, EMPTY, HYBRID_LABEL, 32);
  }

  /** The private key as 64 hex digits, the form of PSSST's key files. A secret. */
  toHex(): string {
    return encodeHex(this.#privateKey);
  }

  /** The private key as PKCS8 PEM. A secret. */
  toPem(): string {
    return encodePem(this.#privateKey);
  }

  /**
   * Writes the key file, mode 0600, whole or not at all.
   *
   * @param options.passphrase seals the key under scrypt and AES-256-GCM. Default: plain, guarded by the mode alone.
   * @param options.overwrite Default false.
   * @throws SottoError `key_file_exists`, `key_file_invalid` (it cannot be written there), `unsupported_platform`.
   */
  async save(file: string, options: { passphrase?: string; overwrite?: boolean } = {}): Promise<void> {
    const text = await encodeKeyFile(this.#privateKey, this.publicKey.toString(), options.passphrase);
    await files.writePrivate(file, encodeUtf8(text), { overwrite: options.overwrite ?? false });
  }

  toString(): string {
    return `Identity(${this.publicKey})`;
  }

  toJSON(): { publicKey: string } {
    return { publicKey: this.publicKey.toString() };
  }
}

/** Codes of its parts that mean, of a file, that its content is no good. */
const NOT_OF_FILES: ReadonlySet<string> = new Set(['invalid_key', 'invalid_text']);

async function parseIdentity(text: string, passphrase: string | undefined): Promise<Identity> {
  if (looksLikePem(text)) return Identity.fromPem(text);
  if (/^[0-9a-fA-F\s]+$/.test(text)) return Identity.from(text);
  return Identity.from(await decodeKeyFile(text, passphrase));
}
