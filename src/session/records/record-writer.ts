import { COPY_BELOW } from '../limits.ts'
import { FrameType, type PathRole, ROLES } from './frame.ts'
import { varintSize, writeVarint } from './varint.ts'

const LENGTH_OCTETS = 3
/** Headers of many records come out of one piece of memory; it is not used again, since a pipe may still hold parts of it. */
const ARENA = 16_384
/** A frame's type and its numbers, of which none has more than four, are no longer than this. */
export const LONGEST_NUMBERS = 1 + 4 * 8

/**
 * Writes records, one after another, as pieces that a pipe takes in one call. Headers are written into memory that is
 * used once; payload is named, not copied, unless it is very short.
 */
export class RecordWriter {
  #arena = new Uint8Array(ARENA)
  #at = 0
  /** Where the piece of the arena begins that is not among the pieces yet. */
  #from = 0
  #pieces: Uint8Array[] = []
  #octets = 0
  /** The length of the record stands here, and is known at its end. */
  #head: Uint8Array | undefined = undefined
  #body = 0

  /** Octets of complete records that wait for `take`. */
  get octets(): number {
    return this.#octets
  }

  /** Octets of frames in the record that is open. */
  get body(): number {
    return this.#body
  }

  /** Hands over what was written. */
  take(): Uint8Array[] {
    this.#seal()
    const pieces = this.#pieces
    this.#pieces = []
    this.#octets = 0
    return pieces
  }

  begin(): void {
    this.#room(LENGTH_OCTETS)
    this.#head = this.#arena.subarray(this.#at, this.#at + LENGTH_OCTETS)
    this.#at += LENGTH_OCTETS
    this.#body = 0
  }

  /** The record is complete; its octets, header included. */
  finish(): number {
    const head = this.#head!
    head[0] = this.#body >>> 16
    head[1] = this.#body >>> 8
    head[2] = this.#body
    this.#head = undefined
    const octets = this.#body + LENGTH_OCTETS
    this.#octets += octets
    return octets
  }

  /** The record that was begun has nothing in it, and is none. */
  abandon(): void {
    this.#head = undefined
    this.#at -= LENGTH_OCTETS
  }

  ping(): void {
    this.#numbers(FrameType.PING, [])
  }

  ack(path: number, count: number, delay: number): void {
    this.#numbers(FrameType.ACK, [path, count, delay])
  }

  open(type: typeof FrameType.OPEN | typeof FrameType.OPEN_FLOW, id: number, texts: readonly Uint8Array[]): void {
    this.#numbers(type, [id])
    for (const text of texts) this.#text(text)
  }

  accept(id: number): void {
    this.#numbers(FrameType.ACCEPT, [id])
  }

  reset(id: number, code: number, finalOffset: number): void {
    this.#numbers(FrameType.RESET, [id, code, finalOffset])
  }

  stop(id: number, code: number): void {
    this.#numbers(FrameType.STOP, [id, code])
  }

  /** The header of a stream's frame, behind which `payload` of exactly `length` octets must follow. */
  stream(id: number, offset: number, length: number, isEnd: boolean): void {
    this.#numbers(isEnd ? FrameType.STREAM_END : FrameType.STREAM, [id, offset, length])
  }

  payload(bytes: Uint8Array): void {
    this.#body += bytes.length
    if (bytes.length < COPY_BELOW) {
      this.#room(bytes.length)
      this.#arena.set(bytes, this.#at)
      this.#at += bytes.length
    } else {
      this.#seal()
      this.#pieces.push(bytes)
    }
  }

  streamCredit(id: number, limit: number): void {
    this.#numbers(FrameType.STREAM_CREDIT, [id, limit])
  }

  sessionCredit(limit: number): void {
    this.#numbers(FrameType.SESSION_CREDIT, [limit])
  }

  datagram(id: number, number: number, age: number, bytes: Uint8Array): void {
    this.#numbers(FrameType.DATAGRAM, [id, number, age, bytes.length])
    this.payload(bytes)
  }

  pathStatus(path: number, sequence: number, role: PathRole): void {
    this.#numbers(FrameType.PATH_STATUS, [path, sequence, ROLES.indexOf(role)])
  }

  pathClose(): void {
    this.#numbers(FrameType.PATH_CLOSE, [])
  }

  close(code: number, reason: Uint8Array): void {
    this.#numbers(FrameType.CLOSE, [code])
    this.#text(reason)
  }

  #numbers(type: FrameType, values: readonly number[]): void {
    this.#room(LONGEST_NUMBERS)
    const from = this.#at
    const arena = this.#arena
    arena[this.#at++] = type
    for (let i = 0; i < values.length; i++) this.#at = writeVarint(arena, this.#at, values[i]!)
    this.#body += this.#at - from
  }

  #text(text: Uint8Array): void {
    this.#room(varintSize(text.length) + text.length)
    const from = this.#at
    this.#at = writeVarint(this.#arena, this.#at, text.length)
    this.#arena.set(text, this.#at)
    this.#at += text.length
    this.#body += this.#at - from
  }

  /** Makes sure that so many octets fit behind what is written. */
  #room(octets: number): void {
    if (this.#at + octets <= this.#arena.length) return
    this.#seal()
    this.#arena = new Uint8Array(ARENA)
    this.#at = 0
    this.#from = 0
  }

  /** What was written so far becomes a piece. */
  #seal(): void {
    if (this.#at === this.#from) return
    this.#pieces.push(this.#arena.subarray(this.#from, this.#at))
    this.#from = this.#at
  }
}
