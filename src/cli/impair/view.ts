import type { FaultCounters } from '../../link/fault-line.ts'
import type { Output } from '../output.ts'
import { formatPercent, formatSeconds, plural } from '../units.ts'
import { WAYS, type Way } from './change.ts'
import type { Line } from './line.ts'

/** How often the line on a terminal is drawn anew, in milliseconds. */
const REDRAW = 500

const share = (count: number, of: number): string => formatPercent(of === 0 ? 0 : count / of)

/** What went wrong, in words; `of` says the loss as a share too. */
function troubles(counters: Readonly<FaultCounters>): string {
  const { packets, lost, oversized, overflowed, dropped, marked, reordered, duplicated, corrupted } = counters
  const parts = [`${lost} lost (${share(lost, packets)})`]
  if (overflowed > 0) parts.push(`${overflowed} found the queue full`)
  if (oversized > 0) parts.push(`${oversized} too large`)
  if (dropped > 0) parts.push(`${dropped} dropped by CoDel`)
  if (marked > 0) parts.push(`${marked} marked`)
  if (reordered > 0) parts.push(`${reordered} reordered`)
  if (duplicated > 0) parts.push(`${duplicated} duplicated`)
  if (corrupted > 0) parts.push(`${corrupted} corrupted`)
  return parts.join(', ')
}

const difference = (now: Readonly<FaultCounters>, before: Readonly<FaultCounters>): FaultCounters =>
  Object.fromEntries(
    (Object.keys(now) as (keyof FaultCounters)[]).map((name) => [name, now[name] - before[name]]),
  ) as unknown as FaultCounters

/** Tells what passes a line: a status line on a terminal, intervals, the summary. */
export class View {
  readonly #line: Line
  readonly #output: Output
  readonly #names: Readonly<Record<Way, string>>
  readonly #begin = performance.now()
  readonly #timers: NodeJS.Timeout[] = []

  constructor(line: Line, output: Output, every: number | undefined) {
    this.#line = line
    this.#output = output
    const [a, b] = [line.a.interface, line.b.interface]
    this.#names = { 'a-to-b': `${a} -> ${b}`, 'b-to-a': `${b} -> ${a}` }
    if (output.interactive) this.#timers.push(setInterval(() => output.progress(this.status()), REDRAW))
    if (every !== undefined) this.#showIntervals(every)
  }

  /** Milliseconds since the line began to carry. */
  get elapsed(): number {
    return performance.now() - this.#begin
  }

  /** Both ways in one line. */
  status(): string {
    const { counters } = this.#line
    const ways = WAYS.map((way) => `${this.#names[way]} ${counters[way].packets} packets, ${troubles(counters[way])}`)
    return `${formatSeconds(this.elapsed / 1000)}  ${ways.join('; ')}`
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#output.clearProgress()
  }

  summarize(): void {
    const { counters, failures } = this.#line
    const output = this.#output
    for (const way of WAYS) {
      output.print(`${this.#names[way]}: ${plural(counters[way].packets, 'packet')}, ${troubles(counters[way])}`)
    }
    if (failures.unread > 0) output.warn(`${plural(failures.unread, 'frame')} came too fast for this machine`)
    if (failures.refused > 0) output.warn(`${plural(failures.refused, 'frame')} did not fit the other interface`)
    output.record('summary', {
      time_ms: this.elapsed,
      a_to_b: counters['a-to-b'],
      b_to_a: counters['b-to-a'],
      dropped_by_kernel: failures.unread,
      refused: failures.refused,
    })
  }

  #showIntervals(seconds: number): void {
    let before = structuredClone(this.#line.counters)
    let from = 0
    const show = (): void => {
      const now = structuredClone(this.#line.counters)
      const to = from + seconds
      for (const way of WAYS) {
        const passed = difference(now[way], before[way])
        this.#output.print(
          `${from.toFixed(2)}-${to.toFixed(2)} s  ${this.#names[way]}: ${passed.packets} packets, ${troubles(passed)}`,
        )
        this.#output.record('interval', { from_ms: from * 1000, to_ms: to * 1000, way, ...passed })
      }
      before = now
      from = to
    }
    this.#timers.push(setInterval(show, seconds * 1000))
  }
}
