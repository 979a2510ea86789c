import { addMicros, type Micros } from '../../base/types.ts'
import type { FastOpenKeys } from './keys.ts'

/** As long as Linux's. */
const RESET_REST = 60_000_000

/**
 * The connections of a listener that were opened by a SYN and whose handshake is not complete. Their number is limited,
 * for a client may have borrowed another's address with its cookie (RFC 7413 §5.1). One that ends by a reset keeps its
 * place for a minute: the reset may well come from the host whose address was borrowed.
 */
export class FastOpenQueue {
  /** How many there may be; 0 turns Fast Open off. */
  limit: number
  /** The listener's own keys, instead of the stack's. */
  keys: FastOpenKeys | undefined
  #pending = 0
  /** When the places of those that were reset become free, in order. */
  readonly #resting: Micros[] = []

  constructor(limit: number) {
    this.limit = limit
  }

  get length(): number {
    return this.#pending + this.#resting.length
  }

  /** Whether there is room for one more. */
  admits(now: Micros): boolean {
    while (this.#resting.length > 0 && this.#resting[0]! <= now) this.#resting.shift()
    return this.length < this.limit
  }

  enter(): void {
    this.#pending++
  }

  leave(wasReset: boolean, now: Micros): void {
    this.#pending--
    if (wasReset) this.#resting.push(addMicros(now, RESET_REST))
  }
}
