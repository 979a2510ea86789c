import type { AddressLike } from '../stack/address.ts'
import type { PingEvent, PingOptions } from '../stack/ping-events.ts'
import { PingStats, type PingSummary } from '../stack/ping-stats.ts'
import type { Caller } from './caller.ts'

/** The pings of a stack in another thread. Each event is asked for: one that is not read stops nothing but its ping. */
export class WorkerPing implements AsyncIterable<PingEvent> {
  readonly #caller: Caller
  readonly #id: Promise<number>
  #summary: PingSummary = new PingStats().summary()

  constructor(caller: Caller, address: AddressLike, { signal, ...options }: PingOptions = {}) {
    this.#caller = caller
    this.#id = caller.call('pings', { address, options })
    this.#id.catch(() => undefined)
    if (signal?.aborted) this.stop()
    signal?.addEventListener('abort', () => this.stop(), { once: true })
  }

  /** As of the last event that was read. */
  get summary(): PingSummary {
    return this.#summary
  }

  /** Ends the iteration after the events that are already there. */
  stop(): void {
    this.#id.then((id) => this.#caller.call('pingStop', id)).catch(() => undefined)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PingEvent, void, undefined> {
    const id = await this.#id
    try {
      for (;;) {
        const { event, summary } = await this.#caller.call('pingNext', id)
        this.#summary = summary
        if (event === undefined) return
        yield event
      }
    } finally {
      this.stop()
    }
  }
}
