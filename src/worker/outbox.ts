import type { Port } from './protocol.ts'

/** What a turn of the event loop has to say to the other thread, as one message. */
export class Outbox<T> {
  readonly #port: Port
  readonly #onRefused: (item: T, error: unknown) => void
  #items: T[] = []
  #isScheduled = false

  /** `onRefused` learns of an item that no message can carry. */
  constructor(port: Port, onRefused: (item: T, error: unknown) => void) {
    this.#port = port
    this.#onRefused = onRefused
  }

  /** Goes out at the end of the turn, after all that was pushed before. */
  push(item: T): void {
    this.#items.push(item)
    if (this.#isScheduled) return
    this.#isScheduled = true
    process.nextTick(flush, this)
  }

  /** Sends what there is now. */
  flush(): void {
    this.#isScheduled = false
    const items = this.#items
    if (items.length === 0) return
    this.#items = []
    try {
      this.#port.postMessage(items)
    } catch {
      for (const item of items) this.#sendAlone(item)
    }
  }

  #sendAlone(item: T): void {
    try {
      this.#port.postMessage([item])
    } catch (error) {
      this.#onRefused(item, error)
    }
  }
}

const flush = (outbox: Outbox<never>): void => outbox.flush()
