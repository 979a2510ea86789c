import type { Cidr, Ipv4Addr } from '../base/address.ts'
import type { Probe } from '../base/probe.ts'
import { seededRng } from '../base/rng.ts'
import { earliest, type Micros, micros, NEVER } from '../base/types.ts'
import { Stack } from '../stack/stack.ts'
import { TcpProbe } from '../stack/tcp-probe.ts'
import type { Tcb } from '../tcp/tcb.ts'
import { Tcp } from '../tcp/tcp.ts'
import type { TcpHeader } from '../wire/tcp.ts'
import { Wire } from './wire.ts'

/** Polls at one instant, and deadlines within one wait, that pass for progress. */
const MAX_SPINS = 10_000
const MAX_STEPS = 1_000_000
/** Scripts begin a quarter into a millisecond, as packetdrill's do, so that events on whole milliseconds round alike. */
export const BEGIN = micros(1_000_250)
const DEFAULT_ROUTE: Cidr = { addr: 0 as Ipv4Addr, prefix: 0 }

export interface MachineOptions {
  readonly local: Cidr
  readonly mtu: number
  readonly probe?: Probe
}

/** The host that a script tests: one stack on one wire, and the clock that moves from deadline to deadline. */
export class Machine {
  readonly wire: Wire
  readonly stack: Stack
  readonly tcp: Tcp
  readonly local: Ipv4Addr
  /** Told of every segment that leaves, while its header can be read. */
  onSegmentOut: ((tcb: Tcb, header: TcpHeader, dataLength: number) => void) | undefined
  /** Called whenever the stack has done what was due; true asks for another round, for something was done. */
  afterPoll: (() => boolean) | undefined
  /** When somebody besides the stack wants to be called. */
  alarm: Micros = NEVER
  #now: Micros = BEGIN

  constructor(options: MachineOptions) {
    this.local = options.local.addr
    this.wire = new Wire(options.mtu)
    const probe = options.probe === undefined ? {} : { probe: options.probe }
    this.stack = new Stack({ rng: seededRng(1), hostname: 'local', ...probe })
    const { stack } = this
    this.tcp = new Tcp({ ip: stack.ip, ports: stack.ports, rng: stack.rng, work: () => stack.work() })
    stack.register(this.tcp)
    const trace = options.probe === undefined ? undefined : new TcpProbe(options.probe, stack.hostname)
    this.tcp.watcher = {
      onMoved: (...event) => trace?.onMoved(...event),
      onSegmentIn: (...event) => trace?.onSegmentIn(...event),
      onSegmentOut: (tcb, header, dataLength, now) => {
        this.onSegmentOut?.(tcb, header, dataLength)
        trace?.onSegmentOut(tcb, header, dataLength, now)
      },
      onTimer: (...event) => trace?.onTimer(...event),
    }
    const iface = stack.addInterface(this.wire, { addresses: [options.local], name: this.wire.name })
    stack.ip.routes.add({ destination: DEFAULT_ROUTE, gateway: undefined, iface, metric: 0 })
    this.settle()
  }

  get now(): Micros {
    return this.#now
  }

  /** Microseconds since the script began. */
  get elapsed(): number {
    return this.#now - BEGIN
  }

  /** An instant of the script on the stack's clock. */
  at(elapsed: number): Micros {
    return micros(BEGIN + elapsed)
  }

  /** A time of the stack's clock as microseconds since the script began. */
  since(at: Micros): number {
    return at - BEGIN
  }

  /** Lets the stack do all that is due now. */
  settle(): void {
    let isBusy = true
    for (let i = 0; isBusy; i++) {
      if (i >= MAX_SPINS) throw new Error(`The stack wants to be polled at ${this.elapsed} µs for ever`)
      this.stack.poll(this.#now)
      isBusy = this.afterPoll?.() === true || this.stack.pollAt() <= this.#now
    }
  }

  /**
   * Moves the clock to `elapsed`, doing what falls due on the way; what is due at that very instant waits for what the
   * script does there. Stops early, and returns true, as soon as `until` holds.
   */
  advance(elapsed: number, until?: () => boolean): boolean {
    const target = this.at(elapsed)
    for (let i = 0; ; i++) {
      if (until?.() === true) return true
      const due = earliest(this.stack.pollAt(), this.alarm)
      if (!(due < target)) break
      if (i >= MAX_STEPS) throw new Error(`The stack never falls idle before ${elapsed} µs`)
      this.#now = micros(Math.max(this.#now, due))
      this.settle()
    }
    this.#now = micros(Math.max(this.#now, target))
    return false
  }
}
