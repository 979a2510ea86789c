import { TcpFlag } from '../../../wire/tcp.ts'
import type { Observation } from '../observation.ts'
import type { Report, Rule } from '../rule.ts'
import { DistinctWindow, inSeconds } from '../windows.ts'

const SPAN = 10_000

/** One source tries many ports or hosts, and few of them answer. */
export class SynScan implements Rule {
  readonly name = 'syn-scan'
  readonly severity = 'medium'
  readonly summary: string
  readonly #threshold: number
  readonly #targets: DistinctWindow

  constructor(threshold = 20) {
    this.#threshold = threshold
    this.#targets = new DistinctWindow(SPAN, threshold)
    this.summary = `a source tries ${threshold} ports or hosts in ${SPAN / 1000} s that do not accept`
  }

  get size(): number {
    return this.#targets.size
  }

  onPacket(seen: Observation, report: Report): void {
    const kind = seen.tcpFlags < 0 ? 0 : seen.tcpFlags & (TcpFlag.SYN | TcpFlag.ACK)
    if ((kind & TcpFlag.SYN) === 0) return
    if (kind === (TcpFlag.SYN | TcpFlag.ACK)) {
      this.#targets.remove(seen.dstText, `${seen.srcText} ${seen.srcPort}`)
      return
    }
    const source = seen.srcText
    const targets = this.#targets.add(source, `${seen.dstText} ${seen.dstPort}`, seen.now)
    if (targets.size < this.#threshold) return
    const hosts = new Set([...targets.keys()].map((target) => target.split(' ')[0]))
    const [first = seen.now] = targets.values()
    const where = hosts.size === 1 ? `ports of ${seen.dstText}` : `ports on ${hosts.size} hosts`
    report(
      source,
      `${targets.size} ${where} in ${inSeconds(seen.now - first)}, the last ${seen.dstText}:${seen.dstPort}`,
    )
  }
}
