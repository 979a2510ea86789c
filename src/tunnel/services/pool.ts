import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import { type Aged, AgingList } from './aging.ts'
import type { Dialer } from './dial.ts'
import { EarlyReader } from './early-reader.ts'
import type { Connection } from './splice.ts'

export interface PoolOptions {
  /** Connections that wait, made before they are needed. */
  readonly count: number
  /** Milliseconds after which one that was not needed is replaced by a new one. Default: never. */
  readonly keepalive?: number
}

/** Milliseconds: one that ends sooner, unused, is a failure of the target, not of age. */
const YOUNG = 1000
/** Milliseconds until a target that failed is tried again, and what that grows to. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5000

/** A connection that nobody has used. */
class PooledConnection implements Aged {
  usedAt = 0
  older: Aged | undefined = undefined
  newer: Aged | undefined = undefined
  readonly socket: Socket
  readonly madeAt = performance.now()
  readonly #reader: EarlyReader
  #hasEnded = false

  constructor(socket: Socket, onEnd: () => void) {
    this.socket = socket
    const end = (): void => {
      if (this.#hasEnded) return
      this.#hasEnded = true
      onEnd()
    }
    this.#reader = new EarlyReader(socket, { onEnd: end, onClose: end })
  }

  get isAlive(): boolean {
    return !this.#hasEnded && !this.socket.destroyed
  }

  /** What the target said by itself. It is watched no more: it has an owner, who reads on. */
  release(): readonly Buffer[] {
    return this.#reader.release()
  }
}

/** Keeps connections to a target ready. */
export class Pool {
  readonly #dialer: Dialer
  readonly #count: number
  readonly #idle: PooledConnection[] = []
  readonly #ages: AgingList<PooledConnection> | undefined
  readonly #controller = new AbortController()
  #dialing = 0
  #failures = 0
  #pause: NodeJS.Timeout | undefined = undefined
  /** What is waited for is not an end of trouble but its proof. */
  #isMending = false

  /** @param dialer makes one attempt; the pool itself tries again */
  constructor(dialer: Dialer, { count, keepalive = 0 }: PoolOptions) {
    this.#dialer = dialer
    this.#count = count
    this.#ages = keepalive > 0 ? new AgingList(keepalive, (one) => this.#discard(one)) : undefined
    setMaxListeners(0, this.#controller.signal)
    this.#fill()
  }

  /** Connections that wait. */
  get size(): number {
    return this.#idle.length
  }

  /** One that is alive, or undefined when none is ready. */
  async take(): Promise<Required<Connection> | undefined> {
    for (let one = this.#idle.at(-1); one !== undefined; one = this.#idle.at(-1)) {
      this.#remove(one)
      // What has reached this machine about its end is known after one turn of the event loop.
      await new Promise(setImmediate)
      if (one.isAlive) {
        this.#fill()
        return { socket: one.socket, early: one.release() }
      }
      one.socket.destroy()
    }
    this.#fill()
    return undefined
  }

  close(): void {
    this.#controller.abort()
    clearTimeout(this.#pause)
    for (const one of [...this.#idle]) this.#discard(one)
  }

  #fill(): void {
    if (this.#controller.signal.aborted || this.#pause !== undefined) return
    // A target that failed is asked by one connection alone until it stands again.
    const wanted = this.#failures > 0 ? Math.min(1, this.#count) : this.#count
    while (this.#idle.length + this.#dialing < wanted) this.#dial()
  }

  async #dial(): Promise<void> {
    this.#dialing++
    try {
      const socket = await this.#dialer.dial(this.#controller.signal)
      this.#dialing--
      const one: PooledConnection = new PooledConnection(socket, () => this.#onEnd(one))
      this.#idle.push(one)
      this.#ages?.add(one)
      // Whether it stays is seen when it is no longer young; until then the others wait.
      if (this.#failures > 0) this.#fillLater(YOUNG, 0)
    } catch {
      this.#dialing--
      this.#onFailure()
    }
  }

  #onEnd(one: PooledConnection): void {
    const wasIdle = this.#remove(one)
    if (wasIdle) one.socket.destroy()
    if (wasIdle && performance.now() - one.madeAt < YOUNG) this.#onFailure()
    else this.#fill()
  }

  #onFailure(): void {
    // Those that were made together fail together.
    if (this.#pause !== undefined && !this.#isMending) return
    this.#failures++
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#failures - 1))
    this.#fillLater(pause * (0.5 + Math.random() / 2), this.#failures)
  }

  /** Makes connections again after a pause; until then none is made. */
  #fillLater(milliseconds: number, failures: number): void {
    clearTimeout(this.#pause)
    if (this.#controller.signal.aborted) return
    this.#isMending = failures === 0
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      this.#failures = failures
      this.#fill()
    }, milliseconds)
  }

  /** False when it is with someone already. */
  #remove(one: PooledConnection): boolean {
    const at = this.#idle.indexOf(one)
    if (at < 0) return false
    this.#idle.splice(at, 1)
    this.#ages?.remove(one)
    return true
  }

  #discard(one: PooledConnection): void {
    this.#remove(one)
    one.socket.destroy()
    this.#fill()
  }
}
