import type { Cidr, MacAddr } from '../base/address.ts'
import type { NetError } from '../base/errors.ts'
import type { Micros } from '../base/types.ts'

/** The largest super-segment, headers included: what an IPv4 total length can say, and an Ethernet header with a tag. */
export const MAX_FRAME = 65535 + 18

/**
 * Whether a frame's transport checksum must be looked at.
 * `complete`: it is on the wire and unverified. `verified`: the link vouches for it.
 * `partial`: it was never finished (the sender lives on this machine); the data
 * is good by construction, and whoever writes the frame out must finish it.
 */
export type ChecksumState = 'complete' | 'verified' | 'partial'

/**
 * A frame on its way up: a place in somebody's slab.
 *
 * A link owns one and fills it again for each frame, so neither the object nor
 * the bytes may be kept beyond the callback.
 */
export class InFrame {
  bytes: Uint8Array
  view: DataView
  /** The frame is `bytes[start, end)`. */
  start = 0
  end = 0
  checksum: ChecksumState = 'complete'
  /** For a super-segment, the payload bytes of each segment it stands for; 0 for an ordinary frame. */
  segmentSize = 0
  /** When it came off the wire, on the stack's clock, where the link knows better than the poll; else -1. */
  arrivedAt = -1

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

/** Room for the lower layers' headers before the transport header: Ethernet with one tag, IPv4 with options. */
export const HEADROOM = 18 + 60
const HEADER_ROOM = HEADROOM + 60 + 66
const NO_BYTES = new Uint8Array(0)

/**
 * A frame on its way down.
 *
 * Headers are written backwards into `bytes`, each layer before the one above;
 * the payload stays where it lies, in one piece or, where a ring wraps, two.
 * A stack owns one and re-uses it for every frame it sends.
 */
export class OutFrame {
  readonly bytes = new Uint8Array(HEADER_ROOM)
  readonly view = new DataView(this.bytes.buffer)
  /** The headers are `bytes[start, end)`. */
  start = HEADROOM
  end = HEADROOM
  payload: Uint8Array = NO_BYTES
  payloadFrom = 0
  payloadTo = 0
  payload2: Uint8Array = NO_BYTES
  payload2From = 0
  payload2To = 0
  /**
   * For a piece that was cut from a larger frame, the number of that frame; else 0. Up to `runTo` the bytes behind
   * `payload[payloadTo]` are those of the next pieces, so that who copies this one may copy theirs along.
   */
  run = 0
  runTo = 0
  /** Non-zero asks for segmentation: this many payload bytes to each segment. */
  segmentSize = 0
  /** It may be larger than the path to its destination is known to carry (RFC 8899). */
  isProbe = false
  /** Offset from `start` of the first byte to be summed; -1 when no checksum is left to be finished. */
  checksumStart = -1
  /** Offset from `checksumStart` of the checksum field, which already holds the pseudo-header's sum. */
  checksumOffset = 0

  /** Empties the frame; the next header is written so that it ends at HEADROOM or begins there. */
  reset(): void {
    this.start = HEADROOM
    this.end = HEADROOM
    this.payload = NO_BYTES
    this.payloadFrom = 0
    this.payloadTo = 0
    this.payload2 = NO_BYTES
    this.payload2From = 0
    this.payload2To = 0
    this.run = 0
    this.runTo = 0
    this.segmentSize = 0
    this.isProbe = false
    this.checksumStart = -1
    this.checksumOffset = 0
  }

  /** Makes room for a header of `length` bytes before all that is there; returns where to write it. */
  push(length: number): number {
    this.start -= length
    if (this.checksumStart >= 0) this.checksumStart += length
    return this.start
  }

  get payloadLength(): number {
    return this.payloadTo - this.payloadFrom + (this.payload2To - this.payload2From)
  }

  get length(): number {
    return this.end - this.start + this.payloadLength
  }

  /** Writes the headers to `target` at `at`; returns their end. */
  copyHeadersTo(target: Uint8Array, at: number): number {
    const headers = this.end - this.start
    for (let i = 0; i < headers; i++) target[at + i] = this.bytes[this.start + i]!
    return at + headers
  }

  /** Writes the whole frame to `target` at `at`; returns the end. The checksum stays as it is. */
  copyTo(target: Uint8Array, at: number): number {
    let end = this.copyHeadersTo(target, at)
    if (this.payloadTo > this.payloadFrom) {
      target.set(this.payload.subarray(this.payloadFrom, this.payloadTo), end)
      end += this.payloadTo - this.payloadFrom
    }
    if (this.payload2To > this.payload2From) {
      target.set(this.payload2.subarray(this.payload2From, this.payload2To), end)
      end += this.payload2To - this.payload2From
    }
    return end
  }
}

/** What a link does for its stack. */
export interface Offload {
  /** Finishes partial checksums on the way down. */
  readonly checksum: boolean
  /** Cuts super-segments on the way down. */
  readonly segmentation: boolean
}

export const NO_OFFLOAD: Offload = { checksum: false, segmentation: false }
export const FULL_OFFLOAD: Offload = { checksum: true, segmentation: true }
/** An Ethernet header with two tags. */
export const ETHERNET_MAX = 22

/**
 * Anything that moves frames: AF_PACKET, TAP, TUN, a cable in memory, a capture
 * file, a wrapper around another link. The stack knows no other kind of I/O.
 */
export interface Link {
  /** For people: `eth0`, `tap gotcp0`, `cable a`. */
  readonly name: string
  /** Ethernet frames, or bare IP packets. */
  readonly medium: 'ethernet' | 'ip'
  /** Our own address on an Ethernet medium; 0 where the link does not prescribe one. */
  readonly mac: MacAddr
  /** The largest IP packet, in bytes. */
  readonly mtu: number
  readonly offload: Offload
  /** Octets of one stream that may be under way to us without finding no room here; undefined where all of them wait. */
  readonly room?: number | undefined
  /**
   * Takes one frame. The headers are copied before it returns; payload bytes of
   * a large frame may be read until `flush`. False: the link is full or down,
   * and the frame is dropped.
   */
  send(frame: OutFrame, now: Micros): boolean
  /** The descriptor that the event loop watches; -1 when closed. Links in memory have none. */
  readonly descriptor?: number | undefined
  /**
   * Set by whoever sleeps: called when a frame from outside is there to be received.
   * A link with a descriptor calls it from the event loop, where the stack may be
   * polled at once. Any other may call it inside another stack's `send`, so that it
   * only takes a note and never polls.
   */
  onWake?: (() => void) | undefined
  /**
   * Set by the stack: called once when the link goes down (ENETDOWN; it works again when it comes up) and once when it
   * is gone (any other code; nothing will pass any more).
   */
  onError?: ((error: NetError) => void) | undefined
  /** Puts on the wire what `send` gathered; called once at the end of each poll. */
  flush(now: Micros): void
  /** When the last `flush` began to put frames on the wire, where the link knows better than the poll. */
  readonly flushedAt?: Micros | undefined
  /** Hands up every frame that has arrived by `now`, within a bounded batch. */
  receive(now: Micros, onFrame: (frame: InFrame) => void): void
  /** When `receive` next has something; NEVER when only an outside event can tell. */
  pollAt(): Micros
  /**
   * Told by an interface which addresses are its own whenever they change; none means that it takes what is for anybody.
   * A link that was not told at its opening what to hear hears those. `shared`: the kernel has them as well.
   */
  hear?(addresses: readonly Cidr[], shared: boolean): void
  /** Gives back descriptors and memory. Harmless when repeated. */
  close(): void
}
