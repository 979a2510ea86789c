import { LITTLE_ENDIAN } from './byte-order.ts'

/**
 * The Internet checksum (RFC 1071): a one's-complement sum of 16-bit words.
 *
 * The sum is the same in either byte order up to a swap of the result (§2.B),
 * so long runs are added as native 32-bit words and swapped once at the end.
 */

/** Below this, looking up the word view costs more than it saves. */
const WORD_VIEW_FROM = 128

const views = new WeakMap<ArrayBufferLike, Uint32Array>()
let lastBuffer: ArrayBufferLike = new ArrayBuffer(0)
let lastView: Uint32Array = new Uint32Array(lastBuffer)

function wordsOf(buffer: ArrayBufferLike): Uint32Array {
  if (buffer === lastBuffer) return lastView
  let view = views.get(buffer)
  if (view === undefined) {
    view = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
    views.set(buffer, view)
  }
  lastBuffer = buffer
  lastView = view
  return view
}

/** Folds a sum of words, less than 2^53, to 16 bits; the carries come round (RFC 1071 §4.1). */
export function foldSum(sum: number): number {
  const high = Math.floor(sum / 0x100000000)
  const low = sum >>> 0
  let folded = (low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16)
  folded = (folded & 0xffff) + (folded >>> 16)
  return (folded & 0xffff) + (folded >>> 16)
}

const swapBytes = (word: number): number => ((word & 0xff) << 8) | (word >>> 8)

function pairSum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0
  let at = from
  for (; at + 1 < to; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  return at < to ? sum + (bytes[at]! << 8) : sum
}

/** The sum of a long run that starts at an even address: native 32-bit words between ragged ends. */
function wordSum(bytes: Uint8Array, from: number, to: number): number {
  const first = from + ((bytes.byteOffset + from) & 2)
  const count = (to - first) >>> 2
  const view = wordsOf(bytes.buffer)
  const start = (bytes.byteOffset + first) >>> 2
  // A double holds the sum of two million such words exactly.
  let native = 0
  for (let i = start; i < start + count; i++) native += view[i]!
  const folded = foldSum(native)
  const middle = LITTLE_ENDIAN ? swapBytes(folded) : folded
  return pairSum(bytes, from, first) + middle + pairSum(bytes, first + (count << 2), to)
}

/**
 * Adds `bytes[from, to)` to a running sum of big-endian words. An odd last byte
 * is padded with zero, so only the last piece of a message may be odd.
 * Any two sums may be added; `finishSum` ends them.
 */
export function addSum(sum: number, bytes: Uint8Array, from: number, to: number): number {
  if (to - from < WORD_VIEW_FROM) return sum + pairSum(bytes, from, to)
  if (((bytes.byteOffset + from) & 1) === 0) return sum + wordSum(bytes, from, to)
  // An odd start moves every byte to the other half of its word (RFC 1071 §2.B).
  return sum + swapBytes(foldSum(bytes[from]! + wordSum(bytes, from + 1, to)))
}

/** The one's complement that goes on the wire. */
export const finishSum = (sum: number): number => ~foldSum(sum) & 0xffff

/** The checksum of `bytes[from, to)`; 0 when that range holds a correct checksum. */
export const checksum = (bytes: Uint8Array, from: number, to: number): number => finishSum(addSum(0, bytes, from, to))

/** The sum of the IPv4 pseudo-header (RFC 9293 §3.1, RFC 768). */
export function pseudoSum(src: number, dst: number, protocol: number, length: number): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + length
}
