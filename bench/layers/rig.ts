import type { Ipv4Addr } from '../../src/base/address.ts'
import { seededRng } from '../../src/base/rng.ts'
import { type Micros, micros } from '../../src/base/types.ts'
import { Cable, type CableOptions, Host } from '../../src/index.ts'
import type { InFrame, Link, OutFrame } from '../../src/link/link.ts'
import { LinkWrapper } from '../../src/link/wrapper.ts'
import type { Listener } from '../../src/tcp/passive/listener.ts'
import { consumed } from '../../src/tcp/receive/receive.ts'
import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import type { Tcb, TcpUser } from '../../src/tcp/tcb.ts'
import type { Tcp } from '../../src/tcp/tcp.ts'

export const ADDRESS_B = 0x0a000002 as Ipv4Addr
export const PORT = 7
const STEP = 100
const MOST_STEPS = 100_000

/** A link whose frames can be taken off the wire at either side: sent ones vanish, kept ones arrive again. */
export class Tap extends LinkWrapper {
  /** Frames that are sent go nowhere. */
  isCut = false
  sentBytes = 0
  /** Hands up frames in place of the link's. */
  feed: ((onFrame: (frame: InFrame) => void) => void) | undefined
  /** Sees what arrives. */
  watch: ((frame: InFrame) => void) | undefined

  override send(frame: OutFrame, now: Micros): boolean {
    this.sentBytes += frame.length
    return this.isCut ? true : super.send(frame, now)
  }

  override receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    if (this.feed !== undefined) this.feed(onFrame)
    else if (this.watch === undefined) super.receive(now, onFrame)
    else {
      const { watch } = this
      super.receive(now, (frame) => {
        watch(frame)
        onFrame(frame)
      })
    }
  }
}

/** A user that takes what comes as soon as it is told. */
export class Taker implements TcpUser {
  bytes = 0
  readonly #tcb: Tcb
  readonly #machine: Tcp

  constructor(tcb: Tcb, machine: Tcp) {
    this.#tcb = tcb
    this.#machine = machine
    tcb.user = this
  }

  onReadable(): void {
    const { length, bytes } = this.#tcb.receiveRing
    if (length === 0) return
    this.bytes += length + bytes[this.#tcb.receiveRing.indexOf(0)]!
    consumed(this.#tcb, length, this.#machine.now)
  }

  onEstablished(): void {}
  onWritable(): void {}
  onClosed(): void {}
}

/** Two hosts on a cable in memory, on a clock that only `step` moves. */
export class Rig {
  readonly a = new Host({ rng: seededRng(1) })
  readonly b = new Host({ rng: seededRng(2) })
  readonly tapA: Tap
  readonly tapB: Tap
  now = micros(0)
  readonly #tcp: TcpOptionsInit
  readonly #listener: Listener

  constructor(cable: CableOptions, tcp: TcpOptionsInit = {}) {
    const { a, b }: { a: Link; b: Link } = new Cable(cable)
    this.#tcp = { noDelay: true, ...tcp }
    this.tapA = new Tap(a)
    this.tapB = new Tap(b)
    this.a.addInterface(this.tapA, { address: '10.0.0.1/8' })
    this.b.addInterface(this.tapB, { address: '10.0.0.2/8' })
    this.#listener = this.b.machine.listen(ADDRESS_B, PORT, { ...this.#tcp, backlog: 1024 })
  }

  /** Polls both, and lets some time pass. */
  step(): void {
    this.a.stack.poll(this.now)
    this.b.stack.poll(this.now)
    this.now = micros(this.now + STEP)
  }

  /** Steps until it is so. */
  until(isSo: () => boolean): void {
    for (let i = 0; !isSo(); i++) {
      if (i === MOST_STEPS) throw new Error('the rig waits for something that does not happen')
      this.step()
    }
  }

  /** A connection: its block at a, and at b. */
  connect(): readonly [a: Tcb, b: Tcb] {
    const a = this.a.machine.connect(ADDRESS_B, PORT, this.#tcp)
    this.until(() => a.state === 'ESTABLISHED' && this.#listener.waiting > 0)
    return [a, this.#listener.accept()!]
  }
}
