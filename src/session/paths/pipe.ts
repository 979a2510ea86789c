/**
 * What carries a path: an ordered, reliable pipe of octets, such as a TCP connection, with TLS or without.
 *
 * The session writes into it and is told by `PathInput` what comes out of it; it neither knows nor asks what it is made of.
 */
export interface Pipe {
  /** Octets handed over that the operating system has not taken yet. */
  readonly queued: number
  /** With so many of them it has enough: what waits there could not go another way any more. */
  readonly limit: number
  /**
   * Hands pieces over, in order, to be sent as soon as can be. They must not be changed afterwards. False when the pipe
   * has enough for now: `PathInput.onWritable` is called when it wants more.
   */
  write(pieces: readonly Uint8Array[]): boolean
  /** Sends what was handed over, then ends; `PathInput.onClosed` follows. */
  end(): void
  /** Ends at once; what was not sent is lost. `onClosed` is not called. */
  destroy(): void
}

/** What the owner of a pipe tells the session of it. */
export interface PathInput {
  /** Octets came, in order; they are the session's from now on and must not be changed. */
  onBytes(bytes: Uint8Array): void
  /** The pipe that had enough takes more. */
  onWritable(): void
  /** The pipe has ended, or broke; `reason` is for people. Nothing is called after this. */
  onClosed(reason: string): void
}
