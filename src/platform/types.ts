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

/** Encryption that notices what was altered: nonces of 12 bytes, tags of 16. */
export interface Aead {
  /** Writes ciphertext and tag of the joined `plaintext` parts into `out` from `offset`. */
  seal(
    key: Bytes,
    nonce: Bytes,
    associatedData: Bytes,
    plaintext: readonly Bytes[],
    out: Bytes,
    offset: number,
  ): void;
  /** Ciphertext of the joined parts and tag, in parts: for what is so long that it should not be copied. */
  sealParts(key: Bytes, nonce: Bytes, associatedData: Bytes, plaintext: readonly Bytes[]): readonly Bytes[];
  /** The plaintext, or null where the tag does not match. `sealed` is ciphertext and tag. */
  open(key: Bytes, nonce: Bytes, associatedData: Bytes, sealed: Bytes): Bytes | null;
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

  /** AES-GCM; the key's length (16 or 32) picks AES-128 or AES-256. */
  readonly aesGcm: Aead;

  /**
   * Brings what the post-quantum suite needs, SHA-3 and ML-KEM, where it is not there from the start: before that, those
   * throw SottoError `unsupported_platform`. Null where it is there.
   */
  loadPostQuantum(): Promise<void> | null;
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

/** What Noise needs besides: apart, so that pages which do without do not load it. */
export interface NoisePrimitives extends Primitives {
  /** RFC 8439, with keys of 32 bytes. */
  readonly chaCha20Poly1305: Aead;
}

/** A digest that is being made. */
export interface RunningHash {
  update(data: Bytes): void;
  /** Once, at the end. */
  digest(): Bytes;
}

export interface ScryptCost {
  /** CPU and memory cost, a power of two. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** An RSA public key; made and read only by {@link LegacyCrypto}. */
export interface RsaPublicKey {
  readonly kind: 'rsa-public';
}

export interface RsaPrivateKey {
  readonly kind: 'rsa-private';
}

export type RsaKey = RsaPublicKey | RsaPrivateKey;

/** Broken or outdated cryptography that only the seeds' own wires need. Lengths are in bytes. */
export interface LegacyCrypto {
  readonly rsa: {
    /**
     * From PEM text, PKCS 1 or PKCS 8, plain or sealed.
     *
     * @throws SottoError `invalid_key`, `passphrase_required`, `wrong_passphrase`.
     */
    importPrivate(pem: string, passphrase?: string): RsaPrivateKey;
    /** @throws SottoError `invalid_key`. */
    importPublic(pem: string): RsaPublicKey;
    /**
     * From DER: SPKI, PKCS 1 public, PKCS 1 private or PKCS 8. Of a private key only the public part is kept.
     *
     * @throws SottoError `invalid_key`.
     */
    importPublicDer(der: Bytes): RsaPublicKey;
    /** The public part, SPKI. */
    exportPublicDer(key: RsaKey): Bytes;
    /** PEM: PKCS 1 (sealed in OpenSSL's old form where there is a passphrase) and SPKI. */
    generate(bits: number, passphrase?: string): { privatePem: string; publicPem: string };
    /** The length of the modulus. */
    size(key: RsaKey): number;
    /** Without any padding: a block as long as the modulus, to the power of the exponent. */
    encryptRaw(key: RsaPublicKey, block: Bytes): Bytes;
    decryptRaw(key: RsaPrivateKey, block: Bytes): Bytes;
    /** OAEP with SHA-1 and an empty label: at most 42 bytes less than the modulus has. Throws for more. */
    encryptOaep(key: RsaPublicKey, data: Bytes): Bytes;
    /** Throws for what does not open. */
    decryptOaep(key: RsaPrivateKey, block: Bytes): Bytes;
  };
  /** CFB with segments of 8 bits, which authenticates nothing. */
  readonly aes256Cfb8: {
    encrypt(key: Bytes, iv: Bytes, data: Bytes): Bytes;
    decrypt(key: Bytes, iv: Bytes, data: Bytes): Bytes;
  };
}

/** Files that hold secrets, and small databases. */
export interface Files {
  /**
   * @param maxSize bytes. Default 64 KiB.
   * @throws SottoError `key_file_missing`, `key_file_exposed` where others can read or write the file, or
   * `key_file_invalid` for what is no file, too large or cannot be read.
   */
  readPrivate(path: string, maxSize?: number): Promise<Bytes>;
  /**
   * Writes by a temporary file and a rename, mode 0600, so that a crash leaves the old file or the new one.
   *
   * @throws SottoError `key_file_exists` unless `overwrite`, or `key_file_invalid` where it cannot be written.
   */
  writePrivate(path: string, content: Bytes, options: { overwrite: boolean }): Promise<void>;
  /**
   * Runs `work`, which reads the file and writes it, while nobody else does so with that file.
   *
   * @throws SottoError `key_file_invalid` where others never finish; what `work` throws.
   */
  locked<T>(path: string, work: () => Promise<T>): Promise<T>;
}

/** Bytes written once and read any number of times, on disk for as long as somebody needs them. */
export interface Spool {
  write(data: Bytes): Promise<void>;
  /** All that was written, from its start. */
  chunks(): AsyncIterable<Bytes>;
  /** Gives the space back. */
  remove(): Promise<void>;
}

/** A file that is being read. */
export interface StoredFile {
  /** Bytes. */
  readonly length: number;
  /** From its start, as often as it is asked for. */
  chunks(): AsyncIterable<Bytes>;
  close(): Promise<void>;
}

/** A file that is being given to somebody, piece by piece. */
export interface SourceFile {
  /** Without its folder. */
  readonly name: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  /** Last change of the content when it was opened, ms since 1970, with fractions. */
  readonly modifiedAt: number;
  /**
   * Fills an array with the bytes from `at` on; one call at a time.
   *
   * @throws SottoError `file_unreadable`, `file_invalid` where it changed.
   */
  read(into: Bytes, at: number): Promise<void>;
  /** SHA-256 of the first `length` bytes; costs nothing for what has just been read up to there, in order. */
  digest(length: number): Promise<Bytes>;
  /** Whether it is no longer as it was opened. */
  hasChanged(): Promise<boolean>;
  close(): Promise<void>;
}

/** A file that is being received, from its start on, under a name of its own. One call at a time. */
export interface PartialFile {
  /** Bytes that are there. */
  readonly length: number;
  /** SHA-256 of all of them. */
  digest(): Bytes;
  /** @throws SottoError `file_unwritable`; the file is of no use any more then, until it is opened again. */
  append(data: Bytes): Promise<void>;
  /** Starts anew. @throws SottoError `file_unwritable`. */
  clear(): Promise<void>;
  /**
   * Gives it its name, in the same folder, and closes it; durable when it resolves.
   *
   * @returns whether the name was free. If not, nothing has happened.
   * @throws SottoError `file_unwritable`.
   */
  keepAs(name: string): Promise<boolean>;
  /** Leaves it to be opened again; an empty one goes. */
  close(): Promise<void>;
  remove(): Promise<void>;
}

/** Files that go from one machine to another. */
export interface Downloads {
  /** @throws SottoError `file_unreadable`, also for what is no plain file. */
  openSource(path: string): Promise<SourceFile>;
  /**
   * The file of that name as far as it was received, or a new one, for its owner alone. The folder is made. What stands
   * there and cannot be ours alone (a link, a file with two names) is replaced and not touched.
   *
   * @throws SottoError `file_unwritable`.
   */
  openPartial(folder: string, name: string): Promise<PartialFile>;
  /** Bytes that may still be written in a folder; null where the system does not tell. */
  freeSpace(folder: string): Promise<number | null>;
  /** Whether an error of a write says that there is no space left. */
  isFull(error: unknown): boolean;
  /** Removes files of a folder that nobody has written to since, ms since 1970. Never rejects. */
  removeOld(folder: string, pattern: RegExp, before: number): Promise<void>;
  /** An absolute path as it is, another as seen from the folder. */
  resolve(folder: string, path: string): string;
}

/** What tells one state of a file from another, without reading it. */
export interface FileStamp {
  readonly size: number;
  /** Last change of the content, ms since 1970, with fractions. */
  readonly modifiedAt: number;
  /** Last change of anything, ms since 1970, with fractions. */
  readonly changedAt: number;
  /** Which file it is: device and inode. */
  readonly identity: string;
}

/** Files of data that people edit while programs read them. */
export interface DataFiles {
  /** Null where there is no such file, or none that can be reached. Never throws. */
  stamp(path: string): FileStamp | null;
  /**
   * The whole file in memory that threads can share.
   *
   * @param onProgress told now and then how many bytes of how many have been read.
   * @throws SottoError `file_unreadable`, `file_too_large`.
   */
  readShared(path: string, maxSize: number, onProgress?: (done: number, total: number) => void): Bytes;
  /** @throws SottoError `file_unreadable`, `file_too_large`. */
  read(path: string, maxSize: number): Promise<Bytes>;
  /** @throws SottoError `file_invalid`, `file_too_large`. */
  gunzip(bytes: Bytes, maxSize: number): Bytes;
  isUtf8(bytes: Bytes): boolean;
  /** Less than zero, zero or more, as the first different byte is; at memory speed. */
  compare(left: Bytes, right: Bytes): number;
  /** Paths that a pattern of `*`, `**` and `?` fits, sorted. */
  glob(pattern: string): string[];
  /** Calls back when something in a folder changes, by name where the system tells it; null where it cannot watch. */
  watchFolder(path: string, onChange: (name: string | null) => void): { close(): void } | null;
  /**
   * Replaces a file, mode kept, so that a crash leaves the old one or the new one, whole.
   *
   * @param unlessChanged called last; false leaves everything as it was.
   * @returns whether it was replaced.
   * @throws SottoError `file_unwritable`.
   */
  replace(path: string, content: Bytes, unlessChanged: () => boolean): Promise<boolean>;
  /** Removes what a crash in the middle of `replace` has left beside a file more than a minute ago. */
  removeLeftovers(path: string): Promise<void>;
  /**
   * Adds to the end of a private file, which is made where it is missing; durable when it resolves.
   *
   * @throws SottoError `file_unwritable`.
   */
  append(path: string, content: Bytes): Promise<void>;
  /** Folder, name, and the two joined, as this system writes paths. */
  folderOf(path: string): string;
  nameOf(path: string): string;
  join(folder: string, name: string): string;
}

/** Work beside the main thread. */
export interface Thread {
  post(message: unknown): void;
  stop(): Promise<void>;
}

export interface Threads {
  /**
   * Runs a module of ours in a thread of its own.
   *
   * @param module the address of the module that calls, and the name beside it without its ending.
   */
  start(
    module: { readonly base: string; readonly name: string },
    events: { onMessage(message: unknown): void; onEnd(why: string): void },
  ): Thread;
  /** In a thread: hears what was posted to it, and answers. */
  serve(onMessage: (message: unknown, post: (message: unknown) => void) => void): void;
}

/** How a frame of zstd is made. */
export interface ZstdOptions {
  /** Up to 22: more is smaller and slower. With a dictionary, what is short may be done at another that is both better. */
  readonly level: number;
  /** Raw content, or one in zstd's own format. */
  readonly dictionary: Bytes | null;
}

/** What a frame of zstd must hold. */
export interface ZstdContent {
  readonly dictionary: Bytes | null;
  /** Uncompressed, bytes: just that many. */
  readonly length: number;
}

/**
 * zstd (RFC 8878). Frames are made without the content's size and without a dictionary's id; with a checksum where there
 * is a dictionary, so that none can be taken for another. Just one frame is read, whose window is 8 MiB at most.
 */
export interface Zstd {
  /** Whether this platform has it; where it has not, all the others throw `unsupported_platform`. */
  readonly available: boolean;
  /** All at once, for what is short. @throws SottoError `invalid_argument` for a dictionary that is none. */
  compress(bytes: Bytes, options: ZstdOptions): Bytes;
  /**
   * All at once, for what is short. Takes no more memory than what is expected, whatever the frame says.
   *
   * @throws SottoError `invalid_message` for what is not one whole frame of that length made with that dictionary.
   */
  decompress(bytes: Bytes, content: ZstdContent): Bytes;
  /**
   * Rejects like `compress`, and with what the chunks reject with.
   *
   * @param length of all chunks where it is known, bytes: takes less memory and time where it is small. Must be right.
   */
  compressStream(
    chunks: Iterable<Bytes> | AsyncIterable<Bytes>,
    options: ZstdOptions,
    length?: number,
  ): AsyncIterable<Bytes>;
  /** Rejects like `decompress`, which it may know only at the end, and with what the chunks reject with. */
  decompressStream(
    chunks: Iterable<Bytes> | AsyncIterable<Bytes>,
    content: ZstdContent,
  ): AsyncIterable<Bytes>;
}

/** LZ4's frame format. */
export interface Lz4 {
  /** One frame, without checksums. @throws SottoError `unsupported_platform`. */
  compress(bytes: Bytes): Bytes;
  /**
   * What one frame holds; takes no more memory than that, whatever the frame says. What follows it is not read.
   *
   * @param maxContent bytes.
   * @throws SottoError `invalid_message` for what is not one whole frame whose checksums fit, `frame_too_large`,
   * `unsupported_platform`.
   */
  decompress(frame: Bytes, maxContent: number): Bytes;
}

export type SqlValue = null | number | string | Bytes;

/** An SQL database in a file, one statement at a time. */
export interface Database {
  execute(sql: string): void;
  prepare(sql: string): Statement;
  /**
   * Runs `work` in a transaction that it shares with what else comes in this turn.
   *
   * @returns what it gave, once that is on disk; rejects with what it threw, and then it changed nothing.
   */
  write<T>(work: () => T): Promise<T>;
  /** Makes what waits for a transaction be seen, and on disk, now. */
  flush(): void;
  /** Writes what waits, and ends. */
  close(): void;
}

export interface Statement {
  /** The number of rows changed. */
  run(...values: SqlValue[]): number;
  /** The first row. */
  get(...values: SqlValue[]): Record<string, SqlValue> | undefined;
  all(...values: SqlValue[]): Record<string, SqlValue>[];
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

/** A network interface, by one of its addresses; one of IPv6 is link-local where there is such, with its scope. */
export interface InterfaceAddress {
  readonly name: string;
  readonly address: string;
}

/** From whom a datagram came. */
export interface DatagramSender extends SocketAddress {
  /** By which interface it came, judged by the sender's address; null where that does not tell. */
  readonly interfaceName: string | null;
}

export interface MulticastOptions {
  /** One group, or several of one family that share everything: each is sent to, and all are heard. */
  readonly group: string | readonly string[];
  /** Of the groups; other sockets of this machine may have it too. */
  readonly port: number;
  /** For unicast to this socket alone. Default any that is free. */
  readonly unicastPort?: number;
  /** Routers that a datagram may pass, plus one. Default 1: none. */
  readonly ttl?: number;
  /** Names or addresses, also of interfaces that are yet to come. Default all that are up, loopback among them. */
  readonly interfaces?: readonly string[];
  /** Of a datagram, bytes, at most and by default 65507: a longer one is neither sent nor given. */
  readonly maxDatagram?: number;
  /** How often interfaces that come and go are looked for, ms. Default 5000. */
  readonly refreshEvery?: number;
  /** Also hears what this socket itself has sent to the group, and one datagram once by every interface it came by. */
  onDatagram(datagram: Bytes, from: DatagramSender): void;
  /** Soon after the start and after every change: the interfaces now in use. */
  onInterfaces(current: readonly InterfaceAddress[]): void;
}

/** A socket of multicast groups, on many interfaces; losing any of them, or all, does not end it. */
export interface MulticastSocket extends BoundSocket {
  /** Where unicast reaches this socket for certain; `port` may be another socket's as well. */
  readonly unicastPort: number;
  /** To the groups, by every interface. Does not throw and does not wait. */
  send(datagram: Bytes): void;
  /** As `send`; resolves with what the system said against it at each interface: a code such as `EPERM`, or null. */
  sendTold(datagram: Bytes): Promise<readonly (InterfaceAddress & { readonly error: string | null })[]>;
  /** From `unicastPort`, to an address as text. Does not throw and does not wait. */
  sendTo(datagram: Bytes, to: SocketAddress): void;
  /** Looks for changed interfaces at once. Never rejects. */
  refresh(): Promise<void>;
}

/** A record by which services are found on a LAN (RFC 6763). `ttl` in seconds, 0: it is no longer so. Names end in `.local`. */
export type MdnsRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'PTR'; readonly data: string }
  | { readonly type: 'A'; readonly data: string }
  | { readonly type: 'SRV'; readonly data: { readonly target: string; readonly port: number } }
  | { readonly type: 'TXT'; readonly data: readonly string[] }
);

export interface MdnsQuery {
  readonly questions: readonly { readonly name: string; readonly type: string }[];
  /** What the asker knows already. */
  readonly known: readonly MdnsRecord[];
  /** What the asker is about to claim for itself. */
  readonly claimed: readonly MdnsRecord[];
}

export interface MdnsEvents {
  /** Strangers' words, but of the right types. @param answer sends to everybody, or to an asker who hears nothing else. */
  onQuery(query: MdnsQuery, answer: (records: readonly MdnsRecord[]) => void): void;
  /** Also what this machine has said itself. */
  onAnswer(records: readonly MdnsRecord[]): void;
}

/** Multicast DNS (RFC 6762) by one interface and IPv4. Nothing of it throws: an interface may go at any moment. */
export interface MdnsSocket {
  query(query: Pick<MdnsQuery, 'questions' | 'claimed'>): void;
  answer(records: readonly MdnsRecord[]): void;
  /** When all that was said has left. */
  close(): Promise<void>;
}

export interface Mdns {
  /** @throws SottoError `listen_failed`. */
  bind(where: InterfaceAddress, events: MdnsEvents): Promise<MdnsSocket>;
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
  /** The other end will send no more and may still be sent to. Default: that ends the connection. */
  onFinish?(): void;
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

/** What a WebSocket's messages are sent as. Of `text` either kind is taken, in UTF-8; of `binary` no other. */
export type MessageKind = 'binary' | 'text';

export interface HttpServerOptions extends BindOptions {
  readonly limits: HttpLimits;
  /** Of WebSockets. Default binary. */
  readonly messages?: MessageKind;
  /** Whether POSTs to this path are wanted; others get 404 before their body is read. */
  accepts(path: string): boolean;
  onPost(exchange: HttpExchange): void;
  /**
   * Whether pages of this origin may ask and open WebSockets; others get 403 and 404. Default all.
   *
   * @param host what the page calls this server, as `host:port`.
   */
  acceptsOrigin?(origin: string, host: string): boolean;
  /** Who takes WebSockets at this path; null gives 404. */
  channelHandler(path: string): ((pipe: Pipe) => void) | null;
  onDrop(reason: string, remote: string): void;
}

/** One HTTP request whose body comes as it is read. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** What follows the question mark, as it came; empty without one. */
  readonly query: string;
  /** The value of a header; null without one. */
  header(name: string): string | null;
  /** Ends early, by an error, where the other end does. */
  readonly body: AsyncIterable<Bytes>;
  readonly remote: SocketAddress;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Bytes;
}

export interface HttpStreamLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerHost: number;
  /** Headers must have come after this, ms. */
  readonly headersTimeout: number;
  /** A connection on which nothing moves is closed after this, ms. */
  readonly idleTimeout: number;
  /** Bytes of one WebSocket message. */
  readonly maxMessage: number;
}

export interface HttpStreamOptions extends BindOptions {
  readonly limits: HttpStreamLimits;
  /** Answers one request; what it leaves of the body is not read. Should not reject. */
  onRequest(request: HttpRequest): Promise<HttpResponse>;
  /** Who takes WebSockets at this path, of a page of that origin (null: of no page); null gives 404. */
  channelHandler(path: string, origin: string | null): ((pipe: Pipe) => void) | null;
  onDrop(reason: string, remote: string): void;
}

/** Where a request may go. */
export interface AddressLimits {
  /**
   * `public` refuses the addresses of this machine, of private networks and of special ones, also where a name leads to
   * them. Default `any`.
   */
  readonly addresses?: 'any' | 'public';
  /** Networks, or single addresses, that `public` lets through all the same: `10.1.0.0/16`, `fd12::/16`. */
  readonly allow?: readonly string[];
}

/** What a request to anywhere may take. */
interface AnswerLimits extends AddressLimits {
  /** Bytes of answer. */
  readonly maxAnswer: number;
  /** Takes only the start of a longer answer, where it would be an error. Default false. */
  readonly cutAnswer?: boolean;
  readonly signal: AbortSignal;
}

/** A POST whose body may be long. */
interface StreamedPost extends AnswerLimits {
  readonly headers: Readonly<Record<string, string>>;
  /** Of all the body, bytes. */
  readonly length: number;
  readonly body: Iterable<Bytes> | AsyncIterable<Bytes>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Bytes;
  /** The header `Retry-After`; null without one. */
  readonly retryAfter: string | null;
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
  /** @throws SottoError `invalid_option`, `address_in_use`, `listen_failed`. */
  bindMulticast(options: MulticastOptions): Promise<MulticastSocket>;
  /** @throws SottoError `invalid_option` where the optional package for it is not installed. */
  loadMdns(): Promise<Mdns>;
  /** What this machine calls itself. */
  hostName(): string;
  listenStreams(
    options: BindOptions & { readonly maxConnections: number; onPipe(pipe: Pipe): void },
  ): Promise<BoundSocket>;
  connectStream(to: SocketAddress, timeout: number): Promise<Pipe>;
  listenHttp(options: HttpServerOptions): Promise<BoundSocket>;
  listenHttpStreams(options: HttpStreamOptions): Promise<BoundSocket>;
  /**
   * Follows no redirect.
   *
   * @throws SottoError `invalid_url` for what is not http:// or https://, `invalid_option` for what is no network,
   * `unreachable`; its `cause` is a SottoError where the network is not to blame: `not_allowed` for an address that may
   * not be reached, `body_too_large` for a longer answer.
   */
  postStream(url: string, post: StreamedPost): Promise<HttpAnswer>;
  /** Follows no redirect. @throws as `postStream` does. */
  get(url: string, limits: AnswerLimits): Promise<HttpAnswer>;
  /** @throws SottoError `invalid_option` naming what is no network. */
  assertNetworks(networks: readonly string[]): void;
  post(
    url: string,
    request: {
      body: Bytes;
      contentType: string;
      maxAnswer: number;
      signal: AbortSignal;
      /** Nothing may be answered for long: it is not to keep others waiting. Default false. */
      isHeld?: boolean;
    },
  ): Promise<{ status: number; body: Bytes }>;
  /** A WebSocket. `messages` is binary by default. */
  connectChannel(
    url: string,
    options: { maxMessage: number; timeout: number; messages?: MessageKind },
  ): Promise<Pipe>;
  /** Runs soon, once what has arrived together has been handled: the moment to write all answers at once. */
  soon(work: () => void): void;
}
