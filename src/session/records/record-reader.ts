import { MAX_DATAGRAM, MAX_RECORD, MAX_SERVICE, MAX_TEXT } from '../limits.ts'
import { FLOW_BIT, type FrameHandler, FrameType, ROLES } from './frame.ts'
import { copyOf } from './small-pieces.ts'
import { MAX_VARINT, readVarint, varintLength } from './varint.ts'

const LENGTH_OCTETS = 3
/** Every frame without its payload is shorter. */
const LONGEST_HEADER = 2048
const NO_BYTES = new Uint8Array(0)

/** Why octets are no records. */
export type RecordFault =
  | 'record-empty'
  | 'record-too-long'
  | 'frame-unknown'
  | 'frame-truncated'
  | 'frame-number-too-large'
  | 'frame-text-too-long'
  | 'frame-datagram-too-long'
  | 'frame-role-unknown'

type Step = 'more' | 'done' | RecordFault

/**
 * Reads records from a pipe's octets, however they are cut. Payload of streams is handed on as it comes and never
 * copied; all else waits until it is whole, which is little.
 */
export class RecordReader {
  readonly #handler: FrameHandler
  /** Octets of a frame that is not whole yet: the first `#heldLength` of this memory, which grows by doubling. */
  #held: Uint8Array = NO_BYTES
  #heldLength = 0
  /** Octets that the record still has, and had. */
  #left = 0
  #length = 0
  #isAsking = false
  /** The frame of a stream whose payload is being handed on. */
  #streamId = 0
  #streamOffset = 0
  #streamLeft = 0
  #streamEnds = false
  /** Fields of the frame that is being read. */
  readonly #fields = [0, 0, 0]
  #bytes: Uint8Array = NO_BYTES
  #begin = 0
  #at = 0
  #fault: RecordFault | undefined = undefined
  #isStopped = false

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** Takes octets; undefined when they are sound so far. After a fault nothing more is read. */
  feed(bytes: Uint8Array): RecordFault | undefined {
    let at = 0
    while (this.#fault === undefined && !this.#isStopped && at < bytes.length) {
      if (this.#streamLeft > 0) at = this.#payload(bytes, at)
      else if (this.#heldLength > 0) at = this.#resume(bytes, at)
      else {
        const next = this.#step(bytes, at, bytes.length)
        if (next < 0) break
        at = next
      }
    }
    return this.#fault
  }

  /** Hands on what is there of a stream's payload. */
  #payload(bytes: Uint8Array, at: number): number {
    const count = Math.min(this.#streamLeft, bytes.length - at)
    this.#streamLeft -= count
    this.#left -= count
    const piece = count === bytes.length ? bytes : bytes.subarray(at, at + count)
    this.#handler.onStream(this.#streamId, this.#streamOffset, piece, this.#streamEnds && this.#streamLeft === 0)
    this.#streamOffset += count
    if (this.#left === 0) this.#endRecord()
    return at + count
  }

  /** What was held and what came, so that a header is whole; returns where `bytes` go on. */
  #resume(bytes: Uint8Array, at: number): number {
    const before = this.#heldLength
    const count = Math.min(bytes.length - at, this.#wanted())
    const length = before + count
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, 2 * before))
      larger.set(this.#held.subarray(0, before))
      this.#held = larger
    }
    const joined = this.#held
    joined.set(bytes.subarray(at, at + count), before)
    const end = this.#step(joined, 0, length)
    // Still not whole: all of it is held now.
    if (end < 0) return at + count
    // What was handed on is a view into this memory.
    this.#held = NO_BYTES
    this.#heldLength = 0
    return at + end - before
  }

  /** How much of what comes is taken to complete what is held. */
  #wanted(): number {
    return this.#left > 0 ? Math.max(LONGEST_HEADER, this.#heldLength) : LENGTH_OCTETS
  }

  /** Reads the head of a record or one frame; returns where it ends, or -1 when it is held or faulty. */
  #step(bytes: Uint8Array, at: number, end: number): number {
    const step = this.#left === 0 ? this.#head(bytes, at, end) : this.#frame(bytes, at, end)
    if (step === 'done') return this.#at
    if (step === 'more') this.#hold(bytes, at, end)
    else this.#fault = step
    return -1
  }

  #hold(bytes: Uint8Array, at: number, end: number): void {
    if (bytes !== this.#held) this.#held = copyOf(bytes.subarray(at, end))
    this.#heldLength = end - at
  }

  #head(bytes: Uint8Array, at: number, end: number): Step {
    if (end - at < LENGTH_OCTETS) return 'more'
    this.#length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    if (this.#length === 0) return 'record-empty'
    if (this.#length > MAX_RECORD) return 'record-too-long'
    this.#left = this.#length
    this.#isAsking = false
    this.#at = at + LENGTH_OCTETS
    return 'done'
  }

  #frame(bytes: Uint8Array, at: number, end: number): Step {
    const stop = Math.min(end, at + this.#left)
    this.#bytes = bytes
    this.#begin = at
    this.#at = at
    const step = this.#parse(stop)
    // The record has no more to give.
    if (step === 'more') return stop - at === this.#left ? 'frame-truncated' : 'more'
    if (step !== 'done') return step
    this.#left -= this.#at - at
    if (this.#streamLeft === 0 && this.#left === 0) this.#endRecord()
    return 'done'
  }

  #endRecord(): void {
    this.#isStopped = !this.#handler.onRecord(this.#length + LENGTH_OCTETS, this.#isAsking)
  }

  #parse(stop: number): Step {
    const type = this.#bytes[this.#at++]!
    const handler = this.#handler
    if (type > FrameType.ACK) this.#isAsking = true
    switch (type) {
      case FrameType.PADDING:
        return this.#padding(stop)
      case FrameType.PING:
        this.#isAsking = true
        handler.onPing()
        return 'done'
      case FrameType.OPEN:
      case FrameType.OPEN_FLOW:
        return this.#open(type, stop)
      case FrameType.STREAM:
      case FrameType.STREAM_END:
        return this.#stream(type, stop)
      case FrameType.DATAGRAM:
        return this.#datagram(stop)
      case FrameType.PATH_CLOSE:
        handler.onPathClose()
        return 'done'
      case FrameType.CLOSE:
        return this.#close(stop)
      default:
        return this.#small(type, stop)
    }
  }

  /** All of them that follow each other: there may be as many as octets. */
  #padding(stop: number): Step {
    const bytes = this.#bytes
    let at = this.#at
    while (at < stop && bytes[at] === FrameType.PADDING) at++
    this.#at = at
    return 'done'
  }

  /** Frames of nothing but numbers. */
  #small(type: number, stop: number): Step {
    const count = COUNTS[type]
    if (count === undefined) return 'frame-unknown'
    const step = this.#numbers(count, stop)
    if (step !== 'done') return step
    const [a, b, c] = this.#fields as [number, number, number]
    const handler = this.#handler
    if (type === FrameType.ACK) handler.onAck(a, b, c)
    else if (type === FrameType.ACCEPT) handler.onAccept(a)
    else if (type === FrameType.RESET) handler.onReset(a, b, c)
    else if (type === FrameType.STOP) handler.onStop(a, b)
    else if (type === FrameType.STREAM_CREDIT) handler.onStreamCredit(a, b)
    else if (type === FrameType.SESSION_CREDIT) handler.onSessionCredit(a)
    else {
      const role = ROLES[c]
      if (role === undefined) return 'frame-role-unknown'
      handler.onPathStatus(a, b, role)
    }
    return 'done'
  }

  #open(type: number, stop: number): Step {
    const step = this.#numbers(1, stop)
    if (step !== 'done') return step
    const id = this.#fields[0]!
    const service = this.#text(MAX_SERVICE, stop)
    if (typeof service === 'string') return service
    const target = this.#text(MAX_TEXT, stop)
    if (typeof target === 'string') return target
    const source = this.#text(MAX_TEXT, stop)
    if (typeof source === 'string') return source
    // The kind stands in the number, too: whoever says both says the same.
    if (id % 4 >= FLOW_BIT !== (type === FrameType.OPEN_FLOW)) return 'frame-unknown'
    this.#handler.onOpen(id, service, target, source)
    return 'done'
  }

  #stream(type: number, stop: number): Step {
    const step = this.#numbers(3, stop)
    if (step !== 'done') return step
    const [id, offset, length] = this.#fields as [number, number, number]
    if (offset + length > MAX_VARINT) return 'frame-number-too-large'
    this.#streamId = id
    this.#streamOffset = offset
    this.#streamEnds = type === FrameType.STREAM_END
    if (this.#at - this.#begin + length > this.#left) return 'frame-truncated'
    if (length === 0) this.#handler.onStream(id, offset, NO_BYTES, this.#streamEnds)
    this.#streamLeft = length
    return 'done'
  }

  #datagram(stop: number): Step {
    const step = this.#numbers(3, stop)
    if (step !== 'done') return step
    const [id, number, age] = this.#fields as [number, number, number]
    const length = this.#numbers(1, stop)
    if (length !== 'done') return length
    const count = this.#fields[0]!
    if (count > MAX_DATAGRAM) return 'frame-datagram-too-long'
    if (stop - this.#at < count) return 'more'
    this.#handler.onDatagram(id, number, age, this.#bytes.subarray(this.#at, this.#at + count))
    this.#at += count
    return 'done'
  }

  #close(stop: number): Step {
    const step = this.#numbers(1, stop)
    if (step !== 'done') return step
    const code = this.#fields[0]!
    const reason = this.#text(MAX_TEXT, stop)
    if (typeof reason === 'string') return reason
    this.#handler.onClose(code, reason)
    return 'done'
  }

  /** Reads `count` integers into the fields. */
  #numbers(count: number, stop: number): Step {
    for (let i = 0; i < count; i++) {
      if (this.#at >= stop) return 'more'
      const length = varintLength(this.#bytes[this.#at]!)
      if (stop - this.#at < length) return 'more'
      const value = readVarint(this.#bytes, this.#at)
      if (value > MAX_VARINT) return 'frame-number-too-large'
      this.#fields[i] = value
      this.#at += length
    }
    return 'done'
  }

  #text(most: number, stop: number): Uint8Array | Step {
    const step = this.#numbers(1, stop)
    if (step !== 'done') return step
    const length = this.#fields[0]!
    if (length > most) return 'frame-text-too-long'
    if (stop - this.#at < length) return 'more'
    const text = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return text
  }
}

/** Integers of the frames that consist of nothing else. */
const COUNTS: { readonly [type: number]: number } = {
  [FrameType.ACK]: 3,
  [FrameType.ACCEPT]: 1,
  [FrameType.RESET]: 3,
  [FrameType.STOP]: 2,
  [FrameType.STREAM_CREDIT]: 2,
  [FrameType.SESSION_CREDIT]: 1,
  [FrameType.PATH_STATUS]: 3,
}
