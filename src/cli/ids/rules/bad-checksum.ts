import type { Observation } from '../observation.ts'
import type { Report, Rule } from '../rule.ts'
import { inSeconds, RateWindow } from '../windows.ts'

const SPAN = 10_000

/** Packets of one source arrive damaged; checksums that were left to the hardware do not count. */
export class BadChecksum implements Rule {
  readonly name = 'bad-checksum'
  readonly severity = 'low'
  readonly summary: string
  readonly #threshold: number
  readonly #bad = new RateWindow(SPAN)

  constructor(threshold = 5) {
    this.#threshold = threshold
    this.summary = `${threshold} packets of a source have a wrong checksum in ${SPAN / 1000} s`
  }

  get size(): number {
    return this.#bad.size
  }

  onPacket(seen: Observation, report: Report): void {
    if (seen.badChecksum === undefined) return
    const source = seen.srcText
    const { events, elapsed } = this.#bad.add(source, seen.now)
    if (events < this.#threshold) return
    report(source, `${events} in ${inSeconds(elapsed)}, the last that of ${seen.badChecksum} to ${seen.dstText}`)
  }
}
