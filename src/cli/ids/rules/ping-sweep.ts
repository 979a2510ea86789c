import { formatIp } from '../../../base/address.ts'
import { ArpOperation } from '../../../wire/arp.ts'
import { IcmpType } from '../../../wire/icmp.ts'
import type { Observation } from '../observation.ts'
import type { Report, Rule } from '../rule.ts'
import { DistinctWindow, inSeconds } from '../windows.ts'

const SPAN = 10_000

/** One source asks many addresses whether they are there, by ICMP echo or, on its own link, by ARP. */
export class PingSweep implements Rule {
  readonly name = 'ping-sweep'
  readonly severity = 'low'
  readonly summary: string
  readonly #threshold: number
  readonly #asked: DistinctWindow

  constructor(threshold = 16) {
    this.#threshold = threshold
    this.#asked = new DistinctWindow(SPAN, threshold)
    this.summary = `a source asks for ${threshold} addresses in ${SPAN / 1000} s, by echo requests or by ARP`
  }

  get size(): number {
    return this.#asked.size
  }

  onPacket(seen: Observation, report: Report): void {
    if (seen.icmpType === IcmpType.ECHO_REQUEST) this.#ask('pinged', seen.srcText, seen.dstText, seen.now, report)
    else if (seen.isArp && seen.arp.operation === ArpOperation.REQUEST) {
      const { senderIp, targetIp } = seen.arp
      if (senderIp !== targetIp) this.#ask('asked for by ARP', formatIp(senderIp), formatIp(targetIp), seen.now, report)
    }
  }

  #ask(how: string, source: string, target: string, now: number, report: Report): void {
    const targets = this.#asked.add(`${source} ${how}`, target, now)
    if (targets.size < this.#threshold) return
    const [first = now] = targets.values()
    report(source, `${targets.size} addresses ${how} in ${inSeconds(now - first)}, the last ${target}`)
  }
}
