import { compact, JOINED, join, SMALL } from '../records/small-pieces.ts'

/** Pieces of one block, at most; a full one becomes two. */
const BLOCK = 256

interface Piece {
  from: number
  bytes: Uint8Array
}

/**
 * Pieces of a stream that wait for what is missing before them: sorted, without overlap. They stand in short blocks, so that
 * a peer who chooses their order has no insertion look at all the others, or move them.
 */
export class EarlyPieces {
  /** None of them is empty. */
  readonly #blocks: Piece[][] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Where the first of them begins; only when there is one. */
  get first(): number {
    return this.#blocks[0]![0]!.from
  }

  /** The first of them, which is no longer among them. */
  shift(): Uint8Array {
    const block = this.#blocks[0]!
    const { bytes } = block.shift()!
    if (block.length === 0) this.#blocks.shift()
    this.#count--
    return bytes
  }

  clear(): void {
    this.#blocks.length = 0
    this.#count = 0
  }

  /** Files what of a piece is not there already; how many of its octets were. */
  keep(offset: number, bytes: Uint8Array): number {
    const to = offset + bytes.length
    let repeated = 0
    for (let from = offset; from < to; ) {
      const next = placeOf(this.#blocks, from, beginOfBlock)
      const block = this.#blocks[Math.max(0, next - 1)] ?? this.#open()
      const i = placeOf(block, from, beginOf)
      const past = i === 0 ? from : Math.min(to, endOf(block[i - 1]!))
      if (past > from) {
        repeated += past - from
        from = past
        continue
      }
      const after = block[i] ?? this.#blocks[next]?.[0]
      const stop = after === undefined ? to : Math.min(to, after.from)
      const isWhole = from === offset && stop === to
      this.#file(block, i, { from, bytes: isWhole ? bytes : bytes.subarray(from - offset, stop - offset) })
      if (block.length > BLOCK) this.#blocks.splice(Math.max(1, next), 0, block.splice(BLOCK / 2))
      from = stop
    }
    return repeated
  }

  #open(): Piece[] {
    const block: Piece[] = []
    this.#blocks.push(block)
    return block
  }

  /** Puts a piece before the one at `i`, or together with those that it touches. */
  #file(block: Piece[], i: number, piece: Piece): void {
    const before = i === 0 ? undefined : block[i - 1]
    const after = block[i]
    const isBehind = before !== undefined && isBetterOne(before, piece)
    const joined = isBehind ? together(before, piece) : piece
    if (after !== undefined && isBetterOne(joined, after)) {
      block[i] = together(joined, after)
      if (!isBehind) return
      block.splice(i - 1, 1)
      this.#count--
    } else if (isBehind) block[i - 1] = joined
    else {
      piece.bytes = compact(piece.bytes)
      block.splice(i, 0, piece)
      this.#count++
    }
  }
}

/** Where the first of them stands that begins beyond `offset`. */
function placeOf<T>(sorted: readonly T[], offset: number, begin: (one: T) => number): number {
  let low = 0
  let high = sorted.length
  // Behind all others, as nearly always.
  if (high === 0 || begin(sorted[high - 1]!) <= offset) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if (begin(sorted[middle]!) <= offset) low = middle + 1
    else high = middle
  }
  return low
}

const beginOf = ({ from }: Piece): number => from
const beginOfBlock = (block: readonly Piece[]): number => block[0]!.from
const endOf = ({ from, bytes }: Piece): number => from + bytes.length

/** They follow each other, and one of them is small. */
function isBetterOne(a: Piece, b: Piece): boolean {
  const octets = a.bytes.length + b.bytes.length
  return endOf(a) === b.from && Math.min(a.bytes.length, b.bytes.length) < SMALL && octets <= JOINED
}

const together = (a: Piece, b: Piece): Piece => ({
  from: a.from,
  bytes: join([a.bytes, b.bytes], a.bytes.length + b.bytes.length),
})
