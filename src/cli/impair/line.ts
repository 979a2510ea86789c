import type { NetError } from '../../base/errors.ts'
import { findInterface, type InterfaceFacts } from '../../driver/interfaces.ts'
import { Loop } from '../../driver/loop.ts'
import { openPacketLink } from '../../driver/packet.ts'
import type { PortLink } from '../../driver/port-link.ts'
import { Bridge } from '../../link/bridge.ts'
import { FaultLink, type FaultOptions } from '../../link/fault.ts'
import type { FaultCounters } from '../../link/fault-line.ts'
import type { Link } from '../../link/link.ts'
import { UsageError } from '../exit.ts'
import type { Way } from './change.ts'
import type { Settings } from './settings.ts'

/** Frames of one batch; each takes 66 KiB on each side. */
const SLOTS = 32
/** Two tenths of a second of a full gigabit, as the kernel counts it. */
const RECEIVE_BUFFER = 32 * 1024 * 1024

export interface LineOptions {
  readonly interfaces: readonly [string, string]
  readonly settings: Readonly<Record<Way, Settings>>
  readonly seed: number
  /** Puts something around a port, such as a capture. */
  readonly wrap: (port: PortLink, which: 'a' | 'b') => Link
  readonly onError: (port: PortLink, error: NetError) => void
}

/** Two interfaces joined by a line that makes trouble. */
export class Line {
  readonly a: PortLink
  readonly b: PortLink
  readonly #faults: FaultLink
  readonly #bridge: Bridge
  readonly #loop: Loop
  readonly #seed: number
  #settings: Readonly<Record<Way, Settings>>

  /** @throws UsageError, NetError ENODEV, ENETDOWN, EPERM, ERR_ADDON_MISSING */
  constructor({ interfaces, settings, seed, wrap, onError }: LineOptions) {
    this.#seed = seed
    this.#settings = settings
    const [facts, others] = interfaces.map(findInterface) as [InterfaceFacts, InterfaceFacts]
    refuseOddPairs(facts, others)
    this.a = open(facts)
    try {
      this.b = open(others)
    } catch (error) {
      this.a.close()
      throw error
    }
    this.#faults = new FaultLink(wrap(this.a, 'a'), this.#faultOptions())
    this.#bridge = new Bridge(this.#faults, wrap(this.b, 'b'))
    this.#loop = new Loop(this.#bridge)
    for (const [link, port] of [
      [this.#bridge.a, this.a],
      [this.#bridge.b, this.b],
    ] as const) {
      link.onWake = () => this.#loop.wake()
      link.onError = (error) => onError(port, error)
    }
    this.#loop.soon()
  }

  /** What has happened on each way. */
  get counters(): Readonly<Record<Way, Readonly<FaultCounters>>> {
    const { send, receive } = this.#faults.counters
    return { 'a-to-b': receive, 'b-to-a': send }
  }

  /** Frames that this machine was too slow for, or that the other interface did not take. */
  get failures(): { readonly unread: number; readonly refused: number } {
    const sendFailures = this.a.counters.sendFailures + this.b.counters.sendFailures
    return { unread: this.a.kernelDrops() + this.b.kernelDrops(), refused: this.#bridge.refused + sendFailures }
  }

  /** Other settings from now on, on the ways named; what is not named stays. */
  change(ways: readonly Way[], settings: Settings): void {
    const changed = (way: Way): Settings =>
      ways.includes(way) ? { ...this.#settings[way], ...settings } : this.#settings[way]
    this.#settings = { 'a-to-b': changed('a-to-b'), 'b-to-a': changed('b-to-a') }
    this.#faults.configure(this.#faultOptions())
    this.#loop.soon()
  }

  /** Gives both interfaces back. Harmless when repeated. */
  close(): void {
    this.#loop.stop()
    this.#bridge.close()
  }

  #faultOptions(): FaultOptions {
    const { 'a-to-b': receive, 'b-to-a': send } = this.#settings
    return { seed: this.#seed, receive, send }
  }
}

const open = (facts: InterfaceFacts): PortLink =>
  openPacketLink({
    interface: facts.name,
    filter: 'none',
    promiscuous: facts.kind === 'ethernet',
    coalesce: false,
    slots: SLOTS,
    receiveBuffer: RECEIVE_BUFFER,
  })

function refuseOddPairs(a: InterfaceFacts, b: InterfaceFacts): void {
  if (a.index === b.index) throw new UsageError(`${a.name} cannot be joined with itself`, 'name two interfaces')
  for (const { name, kind } of [a, b]) {
    if (kind === 'loopback') throw new UsageError(`${name} joins the kernel with itself; nothing can stand in between`)
  }
  if (a.kind !== b.kind) {
    const carries = ({ name, kind }: InterfaceFacts): string =>
      `${name} carries ${kind === 'ethernet' ? 'Ethernet frames' : 'bare IP packets'}`
    throw new UsageError(`${carries(a)} and ${carries(b)}`, 'join two of one kind')
  }
}
