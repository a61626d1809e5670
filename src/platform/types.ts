/**
 * What a platform must offer: `node/` and `web/` each meet these interfaces, and package.json `imports` picks one.
 */

import type { Bytes } from '../bytes/bytes.ts';

/** An X25519 private key in the form this platform computes with fastest; made and read only by {@link Primitives}. */
export interface X25519PrivateKey {
  readonly kind: 'x25519-private';
}

/** An X25519 public key in the form this platform computes with fastest. */
export interface X25519PublicKey {
  readonly kind: 'x25519-public';
}

/** An ML-KEM-768 decapsulation key in the form this platform computes with fastest. */
export interface MlKemPrivateKey {
  readonly kind: 'ml-kem-768-private';
}

/** Cryptographic primitives, all synchronous. Lengths are in bytes. */
export interface Primitives {
  readonly name: 'node' | 'web';

  randomBytes(length: number): Bytes;
  /** Compares in constant time; lengths are public. */
  equalSecrets(left: Bytes, right: Bytes): boolean;

  sha256(data: Bytes): Bytes;
  sha3_256(data: Bytes): Bytes;
  shake256(data: Bytes, length: number): Bytes;
  hmacSha256(key: Bytes, data: Bytes): Bytes;
  /** RFC 5869, extract and expand. */
  hkdfSha256(secret: Bytes, salt: Bytes, info: Bytes, length: number): Bytes;

  readonly x25519: {
    /** A fresh pair; `publicKey` is 32 bytes. */
    generate(): { privateKey: X25519PrivateKey; publicKey: Bytes };
    /** 32 bytes, clamped at every use (RFC 7748). */
    importPrivate(raw: Bytes): X25519PrivateKey;
    exportPrivate(privateKey: X25519PrivateKey): Bytes;
    importPublic(raw: Bytes): X25519PublicKey;
    publicKey(privateKey: X25519PrivateKey): Bytes;
    /** @throws SottoError `low_order_point` where the result is all zero. */
    agree(privateKey: X25519PrivateKey, publicKey: X25519PublicKey): Bytes;
  };

  /** AES-GCM with a 16-byte tag; the key's length (16 or 32) picks AES-128 or AES-256. */
  readonly aesGcm: {
    /** Writes ciphertext and tag of the joined `plaintext` parts into `out` from `offset`. */
    seal(
      key: Bytes,
      nonce: Bytes,
      associatedData: Bytes,
      plaintext: readonly Bytes[],
      out: Bytes,
      offset: number,
    ): void;
    /** The plaintext, or null where the tag does not match. `sealed` is ciphertext and tag. */
    open(key: Bytes, nonce: Bytes, associatedData: Bytes, sealed: Bytes): Bytes | null;
  };

  /** FIPS 203. */
  readonly mlKem768: {
    /** From the 64-byte seed d || z. `publicKey` is 1184 bytes. */
    fromSeed(seed: Bytes): { privateKey: MlKemPrivateKey; publicKey: Bytes };
    /** @throws SottoError `invalid_key` for a public key with unreduced coefficients or a wrong length. */
    encapsulate(publicKey: Bytes): { sharedSecret: Bytes; ciphertext: Bytes };
    decapsulate(privateKey: MlKemPrivateKey, ciphertext: Bytes): Bytes;
  };

  /** RFC 7914, off the main thread where the platform has others. */
  scrypt(passphrase: Bytes, salt: Bytes, cost: ScryptCost, length: number): Promise<Bytes>;
}

export interface ScryptCost {
  /** CPU and memory cost, a power of two. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** Files that hold secrets, and small databases. */
export interface Files {
  /**
   * At most 64 KiB.
   *
   * @throws SottoError `key_file_missing`, `key_file_exposed` where others can read or write the file, or
   * `key_file_invalid` for what is no file, too large or cannot be read.
   */
  readPrivate(path: string): Promise<Bytes>;
  /**
   * Writes by a temporary file and a rename, mode 0600, so that a crash leaves the old file or the new one.
   *
   * @throws SottoError `key_file_exists` unless `overwrite`, or `key_file_invalid` where it cannot be written.
   */
  writePrivate(path: string, content: Bytes, options: { overwrite: boolean }): Promise<void>;
}

export type SqlValue = null | number | string | Bytes;

/** An SQL database in a file, one statement at a time. */
export interface Database {
  execute(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface Statement {
  /** The number of rows changed. */
  run(...values: SqlValue[]): number;
  /** The first row. */
  get(...values: SqlValue[]): Record<string, SqlValue> | undefined;
}

/** Where a socket is, or what it talks to. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

export interface BindOptions extends SocketAddress {
  /** Several processes share the port; the kernel spreads what comes in. */
  readonly reusePort: boolean;
}

/** Something that holds a port. */
export interface BoundSocket {
  readonly port: number;
  close(): Promise<void>;
}

/** A datagram socket that hears everybody. */
export interface DatagramSocket extends BoundSocket {
  /** Does not throw and does not wait: a datagram may always be lost. */
  send(datagram: Bytes, to: SocketAddress): void;
}

/** A datagram socket that talks to one address alone. */
export interface ConnectedDatagrams {
  send(datagram: Bytes): void;
  close(): Promise<void>;
}

/** A connection: chunks of a byte stream (TCP), or whole messages (WebSocket, and framed TCP). */
export interface Pipe {
  readonly remote: SocketAddress;
  /** Bytes accepted for sending that have not left yet. */
  readonly buffered: number;
  /** Sets the reader; data flows from then on. Called once. */
  start(events: PipeEvents): void;
  /** Sends all of them in one write where the wire allows it. Ignored once closed. */
  send(data: readonly Bytes[]): void;
  pause(): void;
  resume(): void;
  /** Sends what was accepted, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface PipeEvents {
  onData(data: Bytes): void;
  /** All that was accepted for sending has left. */
  onDrain(): void;
  /** Called once, whoever closed it; `why` where it was not a plain end. */
  onClose(why: string | null): void;
}

/** One HTTP request with its whole body, waiting for its answer. */
export interface HttpExchange {
  readonly path: string;
  readonly contentType: string;
  readonly body: Bytes;
  readonly remote: SocketAddress;
  /** Aborted when the connection closes before the answer. */
  readonly closed: AbortSignal;
  answer(status: number, body?: Bytes, contentType?: string): void;
}

export interface HttpLimits {
  /** Bytes of body. */
  readonly maxBody: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerHost: number;
  /** Headers and body must have come after this, ms. */
  readonly requestTimeout: number;
  /** An idle connection is closed after this, ms. */
  readonly idleTimeout: number;
}

export interface HttpServerOptions extends BindOptions {
  readonly limits: HttpLimits;
  /** Whether POSTs to this path are wanted; others get 404 before their body is read. */
  accepts(path: string): boolean;
  onPost(exchange: HttpExchange): void;
  /** Who takes WebSockets at this path; null gives 404. */
  channelHandler(path: string): ((pipe: Pipe) => void) | null;
  onDrop(reason: string, remote: string): void;
}

/** Sockets of every kind; a platform rejects with `unsupported_platform` what it does not have. */
export interface Sockets {
  bindDatagrams(
    options: BindOptions & { onDatagram(datagram: Bytes, from: SocketAddress): void },
  ): Promise<DatagramSocket>;
  connectDatagrams(
    to: SocketAddress,
    events: { onDatagram(datagram: Bytes): void; onError(why: string): void },
  ): Promise<ConnectedDatagrams>;
  listenStreams(
    options: BindOptions & { readonly maxConnections: number; onPipe(pipe: Pipe): void },
  ): Promise<BoundSocket>;
  connectStream(to: SocketAddress, timeout: number): Promise<Pipe>;
  listenHttp(options: HttpServerOptions): Promise<BoundSocket>;
  post(
    url: string,
    request: { body: Bytes; contentType: string; maxAnswer: number; signal: AbortSignal },
  ): Promise<{ status: number; body: Bytes }>;
  connectChannel(url: string, options: { maxMessage: number; timeout: number }): Promise<Pipe>;
  /** Runs soon, once what has arrived together has been handled: the moment to write all answers at once. */
  soon(work: () => void): void;
}
