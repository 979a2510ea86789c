import type { PingEvent } from '../../stack/ping-events.ts'
import type { PingSummary } from '../../stack/ping-stats.ts'

const decimal = (micros: number): string => (Math.trunc(micros) / 1000).toFixed(3)
const percent = (share: number): string => `${Number((share * 100).toPrecision(6))}%`

/** What iputils' summary says beyond counts and times: how long it took, how many were on the way at once. */
export class PingTally {
  /** When the first request went out and when the last thing happened, in milliseconds. */
  #firstAt = 0
  #lastAt = 0
  #sent = 0
  #pipe = 0
  /** The moving average of the round-trip time, in microseconds (weight 1/8). */
  #ewma: number | undefined

  note(event: PingEvent, nowMs: number): void {
    if (event.type === 'unanswered') return
    if (event.type === 'sent') {
      if (this.#sent++ === 0) this.#firstAt = nowMs
    } else {
      const onTheWay = (((this.#sent - event.seq) & 0xffff) << 16) >> 16
      if (onTheWay >= 0) this.#pipe = Math.max(this.#pipe, onTheWay + 1)
    }
    if (event.type === 'reply' && event.rttUs !== undefined && !event.isCorrupt) {
      this.#ewma = this.#ewma === undefined ? event.rttUs : this.#ewma + (event.rttUs - this.#ewma) / 8
    }
    this.#lastAt = nowMs
  }

  /** From the first request to the last thing that happened. */
  get elapsedMs(): number {
    return this.#lastAt - this.#firstAt
  }

  /** The block at the end. `isPaced` is false where each request waited for the reply before it. */
  summary(name: string, summary: PingSummary, isPaced: boolean): readonly string[] {
    const { sent, received, duplicates, corrupt, errors, loss } = summary
    const counts = [`${sent} packets transmitted`, `${received} received`]
    if (duplicates > 0) counts.push(`+${duplicates} duplicates`)
    if (corrupt > 0) counts.push(`+${corrupt} corrupted`)
    if (errors > 0) counts.push(`+${errors} errors`)
    if (sent > 0) counts.push(`${percent(loss)} packet loss`, `time ${Math.trunc(this.elapsedMs)}ms`)
    const times: string[] = []
    if (received > 0) {
      const { minUs, avgUs, maxUs, mdevUs } = summary
      times.push(`rtt min/avg/max/mdev = ${[minUs, avgUs, maxUs, mdevUs].map(decimal).join('/')} ms`)
    }
    if (this.#pipe > 1) times.push(`pipe ${this.#pipe}`)
    if (!isPaced && received > 0 && sent > 1) {
      const gap = (this.elapsedMs * 1000) / (sent - 1)
      times.push(`ipg/ewma ${decimal(gap)}/${decimal(this.#ewma ?? 0)} ms`)
    }
    return ['', `--- ${name} ping statistics ---`, counts.join(', '), times.join(', ')]
  }

  /** The line that Ctrl-\ asks for. */
  status({ sent, received, loss, minUs, avgUs, maxUs }: PingSummary): string {
    const times =
      received === 0 ? '' : `, min/avg/ewma/max = ${[minUs, avgUs, this.#ewma ?? 0, maxUs].map(decimal).join('/')} ms`
    return `${received}/${sent} packets, ${Math.trunc(loss * 100)}% loss${times}`
  }
}
