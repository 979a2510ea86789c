/** A piece held in a buffer this much larger than itself is copied, so that it does not keep the buffer alive. */
const WASTE = 4
/** Pieces that follow each other and are smaller than the first are copied together, up to the second: each piece costs. */
export const SMALL = 1024
export const JOINED = 4096

/** A copy in a buffer of its own. A Buffer's `slice` would be none. */
export const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

/** The piece in a buffer of its own, where it is a small part of another's. */
export const compact = (bytes: Uint8Array): Uint8Array =>
  bytes.length * WASTE < bytes.buffer.byteLength ? copyOf(bytes) : bytes

/** Pieces of `octets` together as one. */
export function join(pieces: readonly Uint8Array[], octets: number): Uint8Array {
  const joined = new Uint8Array(octets)
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}
