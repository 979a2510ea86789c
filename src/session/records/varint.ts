/**
 * Integers of variable length (RFC 9000 §16): the two highest bits of the first octet say how many octets there are, 1,
 * 2, 4 or 8. Values are whole numbers below 2^53; what is larger is no value of this protocol.
 */

const TWO = 0x40
const FOUR = 0x4000
const EIGHT = 0x40000000
const HIGH_WORD = 0x100000000

export const MAX_VARINT = Number.MAX_SAFE_INTEGER

/** Octets that `value` takes. */
export const varintSize = (value: number): number => (value < TWO ? 1 : value < FOUR ? 2 : value < EIGHT ? 4 : 8)

/** Writes `value` at `at`; returns where it ends. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  if (value < TWO) {
    target[at] = value
    return at + 1
  }
  if (value < FOUR) {
    target[at] = 0x40 | (value >>> 8)
    target[at + 1] = value
    return at + 2
  }
  if (value < EIGHT) {
    writeWord(target, at, value)
    target[at] = target[at]! | 0x80
    return at + 4
  }
  writeWord(target, at, Math.floor(value / HIGH_WORD))
  writeWord(target, at + 4, value % HIGH_WORD)
  target[at] = target[at]! | 0xc0
  return at + 8
}

/** Octets of the integer whose first octet this is. */
export const varintLength = (first: number): number => 1 << (first >>> 6)

/** The integer at `at`, all of which is there; it may be larger than `MAX_VARINT`. */
export function readVarint(source: Uint8Array, at: number): number {
  const first = source[at]!
  switch (first >>> 6) {
    case 0:
      return first
    case 1:
      return ((first & 0x3f) << 8) | source[at + 1]!
    case 2:
      return readWord(source, at) & 0x3fffffff
    default:
      return (readWord(source, at) & 0x3fffffff) * HIGH_WORD + (readWord(source, at + 4) >>> 0)
  }
}

function writeWord(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
}

const readWord = (source: Uint8Array, at: number): number =>
  (source[at]! << 24) | (source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!
