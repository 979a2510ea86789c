import { HandshakeError } from '../auth/handshake-error.ts'
import { HEADER_OCTETS, MAX_MESSAGE, type MessageType } from './messages.ts'

/** What a client says first that speaks TLS (RFC 8446 §5.1); no message of ours begins so. */
const TLS_HANDSHAKE = 22

/** Cuts what comes into messages, however it was cut on the way. Holds less than two messages. */
export class MessageReader {
  #held: Buffer = Buffer.alloc(0)

  /** Takes what came. */
  push(bytes: Uint8Array): void {
    const more = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#held = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
  }

  /**
   * The next whole message, with its header; undefined when there is none yet.
   * @throws {HandshakeError} `protocol` at the first octet of another than the expected ones, and at the header of one that
   * claims to be too long: nobody waits for what is refused anyhow
   */
  next(expected: readonly MessageType[]): Buffer | undefined {
    const type = this.#held[0]
    if (type !== undefined && !(expected as readonly number[]).includes(type)) {
      const heard = type === TLS_HANDSHAKE ? 'TLS, which is off here' : `a message of type ${type}`
      throw new HandshakeError('protocol', { detail: `${heard}, and ${expected.join(' or ')} is expected` })
    }
    if (this.#held.length < HEADER_OCTETS) return undefined
    const length = HEADER_OCTETS + this.#held.readUInt16BE(1)
    if (length > MAX_MESSAGE) {
      throw new HandshakeError('protocol', { detail: `a message of ${length} octets, and ${MAX_MESSAGE} is the most` })
    }
    if (this.#held.length < length) return undefined
    const message = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return message
  }

  /** Octets that no message was made of. */
  get length(): number {
    return this.#held.length
  }

  /** What came behind the last message, the caller's own from now on. */
  takeRest(): Uint8Array {
    const rest = Uint8Array.from(this.#held)
    this.#held = Buffer.alloc(0)
    return rest
  }
}
