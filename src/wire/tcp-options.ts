// +--------+--------+---------//--------+
// |  Kind  | Length |     data ...      |  RFC 9293 §3.2; EOL and NOP are the kind alone
// +--------+--------+---------//--------+
export const TcpOptionKind = {
  EOL: 0,
  NOP: 1,
  MSS: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
  MD5: 19,
  USER_TIMEOUT: 28,
  AUTHENTICATION: 29,
  MPTCP: 30,
  FAST_OPEN: 34,
} as const

const MSS_LEN = 4
const WINDOW_SCALE_LEN = 3
const SACK_PERMITTED_LEN = 2
const SACK_BASE_LEN = 2
const SACK_BLOCK_LEN = 8
const TIMESTAMPS_LEN = 10
const FAST_OPEN_BASE_LEN = 2
/** The four bytes before a timestamp or a list of SACK blocks, with their two NOPs. */
const NOP_NOP_TIMESTAMPS = 0x0101080a
const NOP_NOP = 0x0101
const SACK_PERMITTED_TIMESTAMPS = 0x0402080a
const NOP_NOP_SACK_PERMITTED = 0x01010402
const NOP_WINDOW_SCALE = 0x010303

const ALIGNED_TIMESTAMPS_LEN = 12
const MAX_SACK_BLOCKS = 4
/** The most that fits behind a 20-byte header (RFC 9293 §3.1, data offset). */
export const TCP_MAX_OPTIONS_LEN = 40
/** RFC 7323 §2.3: a larger shift is used as 14. */
export const MAX_WINDOW_SCALE = 14

/** Why options were not understood in full. Also the name of the counter. */
export type TcpOptionDrop = 'tcp-bad-option'

/** The options of one segment; its owner fills it again for each, in either direction. */
export class TcpOptions {
  /** 0 when absent. */
  mss = 0
  /** The shift; -1 when absent. */
  windowScale = -1
  sackPermitted = false
  timestamps = false
  /** Unsigned 32 bits; meaningful where `timestamps` is true. */
  tsval = 0
  tsecr = 0
  sackCount = 0
  /** `sackCount` pairs of sequence numbers: left edge, right edge (RFC 2018 §3). */
  readonly sack = new Int32Array(2 * MAX_SACK_BLOCKS)
  /** Where the Fast Open cookie stands in the view that was parsed, and its length (RFC 7413 §4.1.1); -1 when absent. */
  cookieAt = -1
  cookieLen = -1

  reset(): void {
    this.mss = 0
    this.windowScale = -1
    this.sackPermitted = false
    this.timestamps = false
    this.tsval = 0
    this.tsecr = 0
    this.sackCount = 0
    this.cookieAt = -1
    this.cookieLen = -1
  }

  /**
   * Reads the options in [at, end), after a reset. A known option of a wrong
   * length is passed over; a length that leads nowhere ends the reading, and
   * what was read until then stays (as Linux does). Never throws.
   */
  parse(view: DataView, at: number, end: number): TcpOptionDrop | undefined {
    this.reset()
    if (end - at === ALIGNED_TIMESTAMPS_LEN && view.getUint32(at) === NOP_NOP_TIMESTAMPS) {
      this.#readTimestamps(view, at + 4)
      return undefined
    }
    let bad: TcpOptionDrop | undefined
    let i = at
    while (i < end) {
      const kind = view.getUint8(i)
      if (kind === TcpOptionKind.EOL) break
      if (kind === TcpOptionKind.NOP) {
        i++
        continue
      }
      // RFC 9293 §3.1 (MUST-7): be prepared for an illegal option length, such as zero.
      if (end - i < 2) return 'tcp-bad-option'
      const length = view.getUint8(i + 1)
      if (length < 2 || length > end - i) return 'tcp-bad-option'
      if (!this.#read(view, i, kind, length)) bad = 'tcp-bad-option'
      i += length
    }
    return bad
  }

  /** Takes one option whose bytes are all there; false when a known one has a wrong length. */
  #read(view: DataView, at: number, kind: number, length: number): boolean {
    switch (kind) {
      case TcpOptionKind.MSS:
        if (length !== MSS_LEN) return false
        this.mss = view.getUint16(at + 2)
        return true
      case TcpOptionKind.WINDOW_SCALE: {
        if (length !== WINDOW_SCALE_LEN) return false
        const shift = view.getUint8(at + 2)
        this.windowScale = Math.min(shift, MAX_WINDOW_SCALE)
        return true
      }
      case TcpOptionKind.SACK_PERMITTED:
        if (length !== SACK_PERMITTED_LEN) return false
        this.sackPermitted = true
        return true
      case TcpOptionKind.TIMESTAMPS:
        if (length !== TIMESTAMPS_LEN) return false
        this.#readTimestamps(view, at + 2)
        return true
      case TcpOptionKind.SACK:
        return this.#readSack(view, at, length)
      case TcpOptionKind.FAST_OPEN:
        this.cookieAt = at + FAST_OPEN_BASE_LEN
        this.cookieLen = length - FAST_OPEN_BASE_LEN
        return true
      default:
        // RFC 9293 §3.1 (MUST-6): ignore without error what is not implemented.
        return true
    }
  }

  #readTimestamps(view: DataView, at: number): void {
    this.timestamps = true
    this.tsval = view.getUint32(at)
    this.tsecr = view.getUint32(at + 4)
  }

  #readSack(view: DataView, at: number, length: number): boolean {
    const count = (length - SACK_BASE_LEN) / SACK_BLOCK_LEN
    if (count !== 1 && count !== 2 && count !== 3 && count !== 4) return false
    this.sackCount = count
    for (let i = 0; i < 2 * count; i++) this.sack[i] = view.getInt32(at + SACK_BASE_LEN + 4 * i)
    return true
  }

  /** The length `write` needs, a multiple of four and at most 40. */
  length(): number {
    const fixed = this.#fixedLength()
    const blocks = this.#blocksThatFit(fixed)
    return blocks === 0 ? fixed : fixed + 4 + SACK_BLOCK_LEN * blocks
  }

  #fixedLength(): number {
    return (
      (this.mss === 0 ? 0 : MSS_LEN) +
      (this.timestamps ? ALIGNED_TIMESTAMPS_LEN : this.sackPermitted ? 4 : 0) +
      (this.windowScale < 0 ? 0 : 4)
    )
  }

  #blocksThatFit(fixed: number): number {
    const room = (TCP_MAX_OPTIONS_LEN - 4 - fixed) >>> 3
    return Math.min(this.sackCount, room)
  }

  /**
   * Writes the options at `at` in Linux's order, each group padded to four bytes
   * with NOPs in front; SACK blocks that do not fit are left out. Returns the end.
   */
  write(view: DataView, at: number): number {
    let i = at
    if (this.mss !== 0) {
      view.setUint16(i, (TcpOptionKind.MSS << 8) | MSS_LEN)
      view.setUint16(i + 2, this.mss)
      i += 4
    }
    if (this.timestamps) {
      view.setUint32(i, this.sackPermitted ? SACK_PERMITTED_TIMESTAMPS : NOP_NOP_TIMESTAMPS)
      view.setUint32(i + 4, this.tsval)
      view.setUint32(i + 8, this.tsecr)
      i += ALIGNED_TIMESTAMPS_LEN
    } else if (this.sackPermitted) {
      view.setUint32(i, NOP_NOP_SACK_PERMITTED)
      i += 4
    }
    if (this.windowScale >= 0) {
      view.setUint32(i, (NOP_WINDOW_SCALE << 8) | this.windowScale)
      i += 4
    }
    const blocks = this.#blocksThatFit(i - at)
    if (blocks > 0) {
      view.setUint16(i, NOP_NOP)
      view.setUint8(i + 2, TcpOptionKind.SACK)
      view.setUint8(i + 3, SACK_BASE_LEN + SACK_BLOCK_LEN * blocks)
      i += 4
      for (let edge = 0; edge < 2 * blocks; edge++, i += 4) view.setInt32(i, this.sack[edge]!)
    }
    return i
  }
}
