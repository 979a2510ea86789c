/**
 * The Internet checksum (RFC 1071): a one's-complement sum of 16-bit words.
 *
 * The sum is the same in either byte order up to a swap of the result (§2.B),
 * so long runs are added as native 32-bit words and swapped once at the end.
 */

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
/** Below this, building a word view costs more than it saves. */
const WORD_VIEW_FROM = 128

const words = new WeakMap<ArrayBufferLike, Int32Array>()

function wordsOf(buffer: ArrayBufferLike): Int32Array {
  let view = words.get(buffer)
  if (view === undefined) {
    view = new Int32Array(buffer, 0, buffer.byteLength >>> 2)
    words.set(buffer, view)
  }
  return view
}

/** Folds a sum of words to 16 bits; the carries come round (RFC 1071 §4.1). */
export function foldSum(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000)
  return folded
}

/**
 * Adds `bytes[from, to)` to a running sum of big-endian words. An odd last byte
 * is padded with zero, so only the last piece of a message may be odd.
 * Any two sums may be added; `finishSum` ends them.
 */
export function addSum(sum: number, bytes: Uint8Array, from: number, to: number): number {
  let at = from
  let total = 0
  // Bytes until an absolute 4-byte boundary; an odd start shifts every later word by one byte.
  if (to - from >= WORD_VIEW_FROM && ((bytes.byteOffset + from) & 1) === 0) {
    if (((bytes.byteOffset + at) & 2) !== 0) {
      total += (bytes[at]! << 8) | bytes[at + 1]!
      at += 2
    }
    const view = wordsOf(bytes.buffer)
    const first = (bytes.byteOffset + at) >>> 2
    const count = (to - at) >>> 2
    let low = 0
    let high = 0
    const last = first + count
    for (let i = first; i < last; i++) {
      const word = view[i]!
      low += word & 0xffff
      high += word >>> 16
    }
    const native = foldSum(low + high)
    total += LITTLE_ENDIAN ? ((native & 0xff) << 8) | (native >>> 8) : native
    at += count << 2
  }
  for (; at + 1 < to; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!
  if (at < to) total += bytes[at]! << 8
  return sum + foldSum(total)
}

/** The one's complement that goes on the wire. */
export const finishSum = (sum: number): number => ~foldSum(sum) & 0xffff

/** The checksum of `bytes[from, to)`; 0 when that range holds a correct checksum. */
export const checksum = (bytes: Uint8Array, from: number, to: number): number => finishSum(addSum(0, bytes, from, to))

/** The sum of the IPv4 pseudo-header (RFC 9293 §3.1, RFC 768). */
export function pseudoSum(src: number, dst: number, protocol: number, length: number): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + length
}
