import { TcpFlag } from '../../../wire/tcp.ts'
import type { Observation } from '../observation.ts'
import type { Report, Rule } from '../rule.ts'
import { DistinctWindow, inSeconds } from '../windows.ts'

const SPAN = 10_000

/** One port collects connections that are begun and never completed. */
export class SynFlood implements Rule {
  readonly name = 'syn-flood'
  readonly severity = 'high'
  readonly summary: string
  readonly #threshold: number
  readonly #halfOpen: DistinctWindow

  constructor(threshold = 100) {
    this.#threshold = threshold
    this.#halfOpen = new DistinctWindow(SPAN, threshold)
    this.summary = `a port has ${threshold} half-open connections begun within ${SPAN / 1000} s`
  }

  get size(): number {
    return this.#halfOpen.size
  }

  onPacket(seen: Observation, report: Report): void {
    if (seen.tcpFlags < 0) return
    const port = `${seen.dstText}:${seen.dstPort}`
    const client = `${seen.srcText} ${seen.srcPort}`
    const kind = seen.tcpFlags & (TcpFlag.SYN | TcpFlag.ACK | TcpFlag.RST)
    if (kind === TcpFlag.ACK || (kind & TcpFlag.RST) !== 0) this.#halfOpen.remove(port, client)
    if (kind !== TcpFlag.SYN) return
    const clients = this.#halfOpen.add(port, client, seen.now)
    if (clients.size < this.#threshold) return
    const sources = new Set([...clients.keys()].map((each) => each.split(' ')[0]))
    const [first = seen.now] = clients.values()
    const from = sources.size === 1 ? seen.srcText : `${sources.size} addresses`
    report(port, `${clients.size} half-open connections from ${from} in ${inSeconds(seen.now - first)}`)
  }
}
