import { crc32 } from 'node:zlib'
import { below, seededRng } from '../base/rng.ts'

/** A prime, so that no segment size divides it and a piece out of place never looks right. */
const BLOCK = 1_048_573
const CHUNK = 262_144

let block: Uint8Array | undefined

/** The bytes that transfers carry: the same block of noise over and over. */
function noise(): Uint8Array {
  if (block === undefined) {
    const rng = seededRng(9293)
    block = Uint8Array.from({ length: BLOCK }, () => below(rng, 256))
  }
  return block
}

/** The piece of the payload that begins at `offset`, of at most `left` bytes; a view, not to be written to. */
export function payloadAt(offset: number, left: number): Uint8Array {
  const at = offset % BLOCK
  return noise().subarray(at, Math.min(at + Math.min(CHUNK, left), BLOCK))
}

/** Counts bytes and sums them up, on both sides of a transfer. */
export class Digest {
  bytes = 0
  crc = 0

  update(chunk: Uint8Array): void {
    this.bytes += chunk.length
    this.crc = crc32(chunk, this.crc)
  }
}
