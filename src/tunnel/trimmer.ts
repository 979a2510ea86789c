import { hasNative, native } from '../driver/native.ts'

/** How often memory is looked at, in milliseconds; and after a trim, which takes some, so many looks are left out. */
const LOOK = 1000
const PAUSE = 1
/** Octets that the allocator may seem to hold free beyond what it could not give back, before it is trimmed. */
const MOST_FREE = 16 * 1_048_576

/** What a process has of the kernel, and what of it V8 knows; octets. */
export interface MemoryUse {
  readonly rss: number
  readonly heapTotal: number
  readonly external: number
}

/**
 * Gives memory back to the kernel. What comes from sockets lies where the allocator puts it, and once it is gone the pages
 * between what is still there are kept: after a rush a process would stay for good as large as it has ever been.
 */
export class Trimmer {
  readonly #use: () => MemoryUse
  readonly #trim: () => void
  readonly #timer: NodeJS.Timeout
  /** What was not V8's and could not be given back. */
  #spared: number
  #pause = 0

  constructor(use: () => MemoryUse = process.memoryUsage, trim: () => void = trimMemory) {
    this.#use = use
    this.#trim = trim
    this.#spared = this.#rest()
    this.#timer = setInterval(() => this.look(), LOOK).unref()
  }

  /** Trims where that promises to be worth the milliseconds that it takes. */
  look(): void {
    if (this.#pause-- > 0) return
    this.#pause = 0
    const rest = this.#rest()
    this.#spared = Math.min(this.#spared, rest)
    if (rest < this.#spared + MOST_FREE) return
    this.#trim()
    this.#spared = this.#rest()
    this.#pause = PAUSE
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** What is not V8's: code, the stack, what the allocator holds for others or holds free. */
  #rest(): number {
    const { rss, heapTotal, external } = this.#use()
    return rss - heapTotal - external
  }
}

function trimMemory(): void {
  if (hasNative()) native().trimMemory()
}
