// The lines of the tunnel's lab: joins pairs of interfaces, each with its delay, and cuts and mends them when it is told.
import { readFileSync } from 'node:fs'
import type { Micros } from '../../base/types.ts'
import { Loop } from '../../driver/loop.ts'
import { openPacketLink } from '../../driver/packet.ts'
import { Bridge } from '../../link/bridge.ts'
import { FaultLink, type FaultOptions } from '../../link/fault.ts'
import { fail, say, serveParent, sharedClock } from './child.ts'
import type { LineSettings, LinesOrder, LinesReport } from './messages.ts'

/** How often it is told what passed, in milliseconds. */
const TELL = 50
/** How often a mended line is looked at. */
const LOOK = 5
/** Octets by which it is known that a line carries data again, and not just questions whether it is there. */
const CARRIES = 65_536
const SLOTS = 32

/** Two interfaces, and what joins them. */
class Wire {
  readonly right: string
  readonly #faults: FaultLink
  readonly #loop: Loop
  readonly #options: FaultOptions

  constructor({ left, right, delay, rate, queueBytes }: LineSettings) {
    this.right = right
    this.#options = { delay: delay as Micros, ...(rate === undefined ? {} : { rate, queueBytes }) }
    this.#faults = new FaultLink(open(left), this.#options)
    const bridge = new Bridge(this.#faults, open(right))
    this.#loop = new Loop(bridge)
    for (const link of [bridge.a, bridge.b]) link.onWake = () => this.#loop.wake()
    this.#loop.soon()
  }

  set isCut(down: boolean) {
    this.#faults.configure({ ...this.#options, down })
    this.#loop.soon()
  }
}

const open = (name: string) =>
  openPacketLink({ interface: name, filter: 'none', promiscuous: true, coalesce: false, slots: SLOTS })

/** Octets that an interface of this namespace has sent, by name (proc_net_dev(5): the ninth figure). */
function sentOctets(): Map<string, number> {
  const lines = readFileSync('/proc/net/dev', 'utf8').trim().split('\n').slice(2)
  return new Map(
    lines.map((line) => {
      const [name = '', figures = ''] = line.split(':')
      return [name.trim(), Number(figures.trim().split(/\s+/)[8])]
    }),
  )
}

const wires: Wire[] = []
const tell = (report: LinesReport): void => say(report)
const carried = (wire: Wire): number => sentOctets().get(wire.right) ?? 0

/** Tells when a line that was mended carries data again. */
function watch(wire: Wire): void {
  const mendedAt = sharedClock()
  const before = carried(wire)
  const timer = setInterval(() => {
    if (carried(wire) - before < CARRIES) return
    clearInterval(timer)
    tell({ carriesAfter: sharedClock() - mendedAt })
  }, LOOK)
}

function lay(settings: readonly LineSettings[]): void {
  wires.push(...settings.map((line) => new Wire(line)))
  say('ready')
  setInterval(() => {
    const octets = sentOctets()
    tell({ octets: wires.map(({ right }) => octets.get(right) ?? 0) })
  }, TELL)
}

serveParent((order: LinesOrder) => {
  try {
    if ('lay' in order) lay(order.lay)
    else if ('cut' in order) wires[order.cut]!.isCut = true
    else {
      const wire = wires[order.mend]!
      wire.isCut = false
      watch(wire)
    }
  } catch (error) {
    fail(error)
  }
})
