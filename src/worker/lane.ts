import { RING_HEAD_WORDS, type RingMemory } from './shared-ring.ts'

/** The words of a lane that belong to no ring. */
export const LaneWord = {
  /** What the user wants of a connection: a `Wish`. */
  WISH: 0,
  CORKED: 1,
  NO_DELAY: 2,
  /** The count of the byte behind the urgent ones, and whether there are any: to the peer, from the peer. */
  URGENT_UP: 3,
  IS_URGENT_UP: 4,
  URGENT_DOWN: 5,
  IS_URGENT_DOWN: 6,
  /** Of UDP: datagrams of the user that are dealt with, and datagrams that found the receive buffer full. */
  SENT: 7,
  DROPPED: 8,
} as const
const LANE_WORDS = 16

/** How a connection is to end; a later wish includes the earlier. */
export const Wish = { NONE: 0, CLOSE: 1, ABORT: 2 } as const

const HEAD_BYTES = (LANE_WORDS + 2 * RING_HEAD_WORDS) * Int32Array.BYTES_PER_ELEMENT
const LANES_PER_SLAB = 8
/** So many lanes at least stay for the connections to come. */
const SPARE = LANES_PER_SLAB

/** The shared memory of one connection: a ring each way, `up` from the user to the stack, and some words. */
export interface Lane {
  readonly id: number
  readonly words: Int32Array
  readonly up: RingMemory
  readonly down: RingMemory
}

/** Memory for several lanes comes into being, or goes. */
export interface SlabNews {
  readonly slab: number
  readonly memory: SharedArrayBuffer | undefined
}

/** The lanes of a slab, each with its head and its two rings in a row. */
function lanesOf(slab: number, memory: SharedArrayBuffer): Lane[] {
  const each = memory.byteLength / LANES_PER_SLAB
  const ringSize = (each - HEAD_BYTES) / 2
  return Array.from({ length: LANES_PER_SLAB }, (_, i) => {
    const words = new Int32Array(memory, i * each, HEAD_BYTES / Int32Array.BYTES_PER_ELEMENT)
    const headOf = (index: number): Int32Array => words.subarray(index, index + RING_HEAD_WORDS)
    const bytesAt = (at: number): Uint8Array => new Uint8Array(memory, i * each + HEAD_BYTES + at, ringSize)
    return {
      id: slab * LANES_PER_SLAB + i,
      words,
      up: { words: headOf(LANE_WORDS), bytes: bytesAt(0) },
      down: { words: headOf(LANE_WORDS + RING_HEAD_WORDS), bytes: bytesAt(ringSize) },
    }
  })
}

interface Slab {
  readonly lanes: readonly Lane[]
  inUse: number
}

/** The user's side of all lanes: it takes them and gets them back, and tells the stack's of their memory. */
export class LanePool {
  readonly #ringSize: number
  readonly #tell: (news: SlabNews) => void
  readonly #slabs = new Map<number, Slab>()
  readonly #free: Lane[] = []
  #lastSlab = 0

  /** `ringSize` is that of each of a lane's rings, a power of two; `tell` reaches the stack's side before a lane does. */
  constructor(ringSize: number, tell: (news: SlabNews) => void) {
    this.#ringSize = ringSize
    this.#tell = tell
  }

  /** Lanes there is memory for, in use or not. */
  get size(): number {
    return this.#slabs.size * LANES_PER_SLAB
  }

  get inUse(): number {
    return this.size - this.#free.length
  }

  /** A lane in its first state. */
  take(): Lane {
    const lane = this.#free.pop() ?? this.#grow()
    lane.words.fill(0)
    this.#slabOf(lane).inUse++
    return lane
  }

  /** The lane may serve another connection: the stack's side is done with it. */
  give(lane: Lane): void {
    this.#free.push(lane)
    if (--this.#slabOf(lane).inUse === 0 && this.#free.length >= SPARE + LANES_PER_SLAB) this.#drop(slabId(lane.id))
  }

  #slabOf(lane: Lane): Slab {
    return this.#slabs.get(slabId(lane.id))!
  }

  #grow(): Lane {
    const slab = ++this.#lastSlab
    const memory = new SharedArrayBuffer(LANES_PER_SLAB * (HEAD_BYTES + 2 * this.#ringSize))
    const lanes = lanesOf(slab, memory)
    this.#slabs.set(slab, { lanes, inUse: 0 })
    this.#free.push(...lanes.toReversed())
    this.#tell({ slab, memory })
    return this.#free.pop()!
  }

  #drop(slab: number): void {
    this.#slabs.delete(slab)
    const rest = this.#free.filter((lane) => slabId(lane.id) !== slab)
    this.#free.splice(0, this.#free.length, ...rest)
    this.#tell({ slab, memory: undefined })
  }
}

/** The stack's side: lanes by their number. */
export class LaneMap {
  readonly #slabs = new Map<number, readonly Lane[]>()

  learn({ slab, memory }: SlabNews): void {
    if (memory === undefined) this.#slabs.delete(slab)
    else this.#slabs.set(slab, lanesOf(slab, memory))
  }

  get(id: number): Lane {
    return this.#slabs.get(slabId(id))![id % LANES_PER_SLAB]!
  }
}

const slabId = (lane: number): number => Math.floor(lane / LANES_PER_SLAB)
