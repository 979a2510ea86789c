import type { Host } from '../stack/host.ts'
import type { Ping } from '../stack/ping.ts'
import type { PingEvent } from '../stack/ping-events.ts'
import type { Handlers } from './protocol.ts'

interface ServedPing {
  readonly ping: Ping
  readonly events: AsyncGenerator<PingEvent, void, undefined>
}

/** The pings of a stack that another thread reads, event by event. */
export class PingService {
  readonly handlers: Handlers<'ping' | 'pings' | 'pingNext' | 'pingStop'>
  readonly #pings = new Map<number, ServedPing>()
  #last = 0

  constructor(host: Host) {
    this.handlers = {
      ping: ({ address, options }, signal) =>
        host.ping(address, { ...options, ...(signal === undefined ? {} : { signal }) }),
      pings: ({ address, options }) => {
        const ping = host.pings(address, options)
        this.#pings.set(++this.#last, { ping, events: ping[Symbol.asyncIterator]() as ServedPing['events'] })
        return this.#last
      },
      pingNext: async (id) => {
        const served = this.#pings.get(id)!
        const { value } = await served.events.next()
        if (value === undefined) this.#pings.delete(id)
        return { event: value ?? undefined, summary: served.ping.summary }
      },
      pingStop: (id) => this.#pings.get(id)?.ping.stop(),
    }
  }
}
