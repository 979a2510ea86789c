import { type Ipv4Addr, parseCidr, parseIpv4 } from '../../src/base/address.ts'
import { seededRng } from '../../src/base/rng.ts'
import { fromMs, type Micros, type Pollable } from '../../src/base/types.ts'
import { Cable, type CableOptions } from '../../src/link/cable.ts'
import { FaultLink } from '../../src/link/fault.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import type { Link } from '../../src/link/link.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import { Stack } from '../../src/stack/stack.ts'
import { consumed } from '../../src/tcp/receive.ts'
import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import type { Tcb } from '../../src/tcp/tcb.ts'
import { Tcp } from '../../src/tcp/tcp.ts'
import { close, send } from '../../src/tcp/user.ts'

export const A = parseIpv4('10.0.0.1') as Ipv4Addr
export const B = parseIpv4('10.0.0.2') as Ipv4Addr

export interface PairOptions {
  readonly seed: number
  readonly cable?: CableOptions
  readonly fault?: FaultOptions
}

/** A host in virtual time: a stack with TCP. */
export interface Host {
  readonly stack: Stack
  readonly tcp: Tcp
}

/** Two hosts on one cable, in virtual time. The whole is a pure function of its seed. */
export class Pair {
  readonly a: Host
  readonly b: Host
  readonly simulation: Simulation

  constructor(options: PairOptions) {
    const cable = new Cable({ delay: fromMs(1), ...options.cable })
    const faulty: Link =
      options.fault === undefined ? cable.a : new FaultLink(cable.a, { ...options.fault, seed: options.seed })
    this.a = host('a', '10.0.0.1/24', faulty, options.seed)
    this.b = host('b', '10.0.0.2/24', cable.b, options.seed + 1)
    this.simulation = new Simulation([this.a.stack, this.b.stack])
  }

  run(until: number): Micros {
    return this.simulation.run(fromMs(until))
  }

  close(): void {
    for (const { stack, tcp } of [this.a, this.b]) {
      tcp.close()
      stack.close()
    }
  }
}

function host(name: string, cidr: string, link: Link, seed: number): Host {
  const stack = new Stack({ rng: seededRng(seed), hostname: name })
  const tcp = new Tcp({ ip: stack.ip, ports: stack.ports, rng: stack.rng, work: () => stack.work() })
  stack.register(tcp)
  stack.addInterface(link, { addresses: [parseCidr(cidr)!] })
  return { stack, tcp }
}

/** The byte at `index` of every transfer: never the same for a shifted or repeated piece. */
export const byteAt = (index: number): number => (Math.imul(index, 0x9e3779b1) >>> 24) ^ (index >>> 16)

/** Writes `total` patterned bytes and closes its side; notes the end. */
export class Source implements Pollable {
  written = 0
  closed: string | undefined
  readonly tcb: Tcb
  readonly #total: number

  constructor(tcb: Tcb, total: number) {
    this.tcb = tcb
    this.#total = total
    tcb.user = {
      onEstablished: () => this.push(),
      onReadable: () => undefined,
      onWritable: () => this.push(),
      onClosed: (failure) => {
        this.closed = failure?.code ?? 'closed'
      },
    }
  }

  push(): void {
    while (this.written < this.#total) {
      const size = Math.min(65_536, this.#total - this.written)
      const chunk = Uint8Array.from({ length: size }, (_, i) => byteAt(this.written + i))
      const taken = send(this.tcb, chunk, 0)
      this.written += taken
      if (taken < size) return
    }
    close(this.tcb)
  }

  poll(): void {}
  pollAt(): Micros {
    return Number.POSITIVE_INFINITY as Micros
  }
}

/** Reads everything, compares it, and closes when the peer has. */
export class Sink {
  received = 0
  firstWrong: number | undefined
  ended = false
  closed: string | undefined

  constructor(tcb: Tcb, tcp: Tcp) {
    tcb.user = {
      onEstablished: () => undefined,
      onReadable: () => this.#drain(tcb, tcp),
      onWritable: () => undefined,
      onClosed: (failure) => {
        this.#drain(tcb, tcp)
        this.closed = failure?.code ?? 'closed'
      },
    }
    this.#drain(tcb, tcp)
  }

  #drain(tcb: Tcb, tcp: Tcp): void {
    for (let view = tcb.receiveRing.peek(); view.length > 0; view = tcb.receiveRing.peek()) {
      for (let i = 0; i < view.length; i++) {
        if (view[i] !== (byteAt(this.received + i) & 255)) this.firstWrong ??= this.received + i
      }
      this.received += view.length
      consumed(tcb, view.length, tcp.now)
    }
    if (tcb.peerClosed && !this.ended) {
      this.ended = true
      close(tcb)
    }
  }
}

/** Sends `total` bytes from a to b; returns both ends after the run. */
export function transfer(
  pair: Pair,
  total: number,
  until: number,
  options: TcpOptionsInit = {},
): { source: Source; sink: Sink | undefined; ended: Micros } {
  let sink: Sink | undefined
  const listener = pair.b.tcp.listen(B, 80, options)
  listener.onConnection = () => {
    const tcb = listener.accept()
    if (tcb !== undefined) sink = new Sink(tcb, pair.b.tcp)
  }
  const source = new Source(pair.a.tcp.connect(B, 80, options), total)
  let ended = 0 as Micros
  for (let at = 0; at < until && source.closed === undefined; at += 1000) ended = pair.run(at + 1000)
  return { source, sink, ended }
}
