import type { HandshakeError } from '../auth/handshake-error.ts'

/** What a machine of the handshake does to the world around it. After `onDone` or `onFailed` it does nothing more. */
export interface HandshakeEvents<Result> {
  /** Octets for the other side. */
  send(bytes: Uint8Array): void
  /** It is done; `rest` is what came behind the handshake, and belongs to the session. */
  onDone(result: Result, rest: Uint8Array): void
  /** It failed, and the connection is to be ended once what was sent is sent. */
  onFailed(error: HandshakeError): void
}
