import { TcpFlag } from '../../../wire/tcp.ts'
import type { Observation } from '../observation.ts'
import type { Report, Rule } from '../rule.ts'
import { inSeconds, RateWindow } from '../windows.ts'

const SPAN = 5000

/** One source resets many connections; refusals of new ones are not counted, a scan would make those. */
export class ResetStorm implements Rule {
  readonly name = 'reset-storm'
  readonly severity = 'medium'
  readonly summary: string
  readonly #threshold: number
  readonly #resets = new RateWindow(SPAN)

  constructor(threshold = 50) {
    this.#threshold = threshold
    this.summary = `a source resets ${threshold} connections in ${SPAN / 1000} s`
  }

  get size(): number {
    return this.#resets.size
  }

  onPacket(seen: Observation, report: Report): void {
    if (seen.tcpFlags < 0 || (seen.tcpFlags & TcpFlag.RST) === 0) return
    // RFC 9293 §3.10.7.1: the refusal of a SYN is <SEQ=0><CTL=RST,ACK>.
    if ((seen.tcpFlags & TcpFlag.ACK) !== 0 && seen.seq === 0) return
    const source = seen.srcText
    const { events, elapsed } = this.#resets.add(source, seen.now)
    if (events < this.#threshold) return
    report(source, `${events} resets in ${inSeconds(elapsed)}, the last to ${seen.dstText}:${seen.dstPort}`)
  }
}
