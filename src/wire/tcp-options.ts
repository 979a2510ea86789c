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
  /** RFC 4727; the 16 bits behind the length say whose experiment (RFC 6994 §3). */
  EXPERIMENT: 254,
} as const

const MSS_LEN = 4
const WINDOW_SCALE_LEN = 3
const SACK_PERMITTED_LEN = 2
const SACK_BASE_LEN = 2
const SACK_BLOCK_LEN = 8
const TIMESTAMPS_LEN = 10
const USER_TIMEOUT_LEN = 4
const FAST_OPEN_BASE_LEN = 2
/** The form Fast Open had before it was given a kind of its own: an experiment under this number (RFC 7413 §2). */
const FAST_OPEN_EXPERIMENT = 0xf989
const FAST_OPEN_EXPERIMENT_BASE_LEN = 4
/** RFC 7413 §4.1.1: a cookie has 4 to 16 bytes, an even number; none asks for one. */
export const MIN_COOKIE_LEN = 4
export const MAX_COOKIE_LEN = 16
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
  /** RFC 5482 §2: a bit for minutes in place of seconds, and 15 bits that say how many; -1 when absent. */
  userTimeout = -1
  /** Where the Fast Open cookie stands in the view that was parsed, and its length (RFC 7413 §4.1.1); -1 when absent. */
  cookieAt = -1
  cookieLen = -1
  /** It came, or goes, in the experimental option. */
  cookieIsExperimental = false
  /** The Fast Open cookie to write; empty asks for one. */
  cookie: Uint8Array | undefined = undefined

  reset(): void {
    this.mss = 0
    this.windowScale = -1
    this.sackPermitted = false
    this.timestamps = false
    this.tsval = 0
    this.tsecr = 0
    this.sackCount = 0
    this.userTimeout = -1
    this.cookieAt = -1
    this.cookieLen = -1
    this.cookieIsExperimental = false
    this.cookie = undefined
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
      case TcpOptionKind.USER_TIMEOUT:
        if (length !== USER_TIMEOUT_LEN) return false
        this.userTimeout = view.getUint16(at + 2)
        return true
      case TcpOptionKind.FAST_OPEN:
        return this.#readCookie(at + FAST_OPEN_BASE_LEN, length - FAST_OPEN_BASE_LEN, false)
      case TcpOptionKind.EXPERIMENT:
        if (length < FAST_OPEN_EXPERIMENT_BASE_LEN || view.getUint16(at + 2) !== FAST_OPEN_EXPERIMENT) return true
        return this.#readCookie(at + FAST_OPEN_EXPERIMENT_BASE_LEN, length - FAST_OPEN_EXPERIMENT_BASE_LEN, true)
      default:
        // RFC 9293 §3.1 (MUST-6): ignore without error what is not implemented.
        return true
    }
  }

  #readCookie(at: number, length: number, isExperimental: boolean): boolean {
    if (length !== 0 && (length < MIN_COOKIE_LEN || length > MAX_COOKIE_LEN || length % 2 !== 0)) return false
    this.cookieAt = at
    this.cookieLen = length
    this.cookieIsExperimental = isExperimental
    return true
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
      (this.windowScale < 0 ? 0 : 4) +
      (this.userTimeout < 0 ? 0 : USER_TIMEOUT_LEN) +
      this.#cookieOptionLength()
    )
  }

  #cookieOptionLength(): number {
    if (this.cookie === undefined) return 0
    const base = this.cookieIsExperimental ? FAST_OPEN_EXPERIMENT_BASE_LEN : FAST_OPEN_BASE_LEN
    return (base + this.cookie.length + 3) & ~3
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
    if (this.userTimeout >= 0) {
      view.setUint16(i, (TcpOptionKind.USER_TIMEOUT << 8) | USER_TIMEOUT_LEN)
      view.setUint16(i + 2, this.userTimeout)
      i += USER_TIMEOUT_LEN
    }
    if (this.cookie !== undefined) i = this.#writeCookie(view, i, this.cookie)
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

  /** The cookie with its kind in front and, where that is not aligned, two NOPs behind. */
  #writeCookie(view: DataView, at: number, cookie: Uint8Array): number {
    let i = at
    if (this.cookieIsExperimental) {
      view.setUint16(i, (TcpOptionKind.EXPERIMENT << 8) | (FAST_OPEN_EXPERIMENT_BASE_LEN + cookie.length))
      view.setUint16(i + 2, FAST_OPEN_EXPERIMENT)
      i += FAST_OPEN_EXPERIMENT_BASE_LEN
    } else {
      view.setUint16(i, (TcpOptionKind.FAST_OPEN << 8) | (FAST_OPEN_BASE_LEN + cookie.length))
      i += FAST_OPEN_BASE_LEN
    }
    for (const byte of cookie) view.setUint8(i++, byte)
    if ((i - at) % 4 !== 0) {
      view.setUint16(i, NOP_NOP)
      i += 2
    }
    return i
  }
}
