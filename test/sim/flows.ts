import { type Ipv4Addr, parseIpv4 } from '../../src/base/address.ts'
import { fromMs, type Micros } from '../../src/base/types.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import { Network, type NetworkLink } from '../../src/stack/network.ts'
import { consumed } from '../../src/tcp/receive/receive.ts'
import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import type { Tcb } from '../../src/tcp/tcb.ts'
import type { Tcp } from '../../src/tcp/tcp.ts'
import { close, send } from '../../src/tcp/user.ts'

const PORT = 80
const CHUNK = new Uint8Array(64 * 1024)
/** How often a run looks whether all is over. */
const SLICE = fromMs(100)

/** Bulk transfers from one host to another over one line. Times are milliseconds. */
export interface FlowOptions {
  readonly line: FaultOptions
  /** Of each flow; without, it goes on to the end. */
  readonly bytes?: number
  /** How many at once. Default 1. */
  readonly flows?: number
  /** Between the beginnings of one flow and the next. Default 0. */
  readonly stagger?: number
  readonly tcp?: TcpOptionsInit
  /** The run ends at the latest. */
  readonly until: number
  /** Something happens to the line. */
  readonly changes?: readonly (readonly [at: number, faults: FaultOptions])[]
}

/** One transfer: who writes zeros, and who reads them. */
export class Flow {
  readonly source: Tcb
  readonly began: Micros
  ended: Micros | undefined
  received = 0
  #left: number

  constructor(source: Tcb, began: Micros, bytes: number) {
    this.source = source
    this.began = began
    this.#left = bytes
    const push = (): void => this.#push()
    source.user = { onEstablished: push, onWritable: push, onReadable() {}, onClosed() {} }
  }

  /** Bits per second from its beginning to its end, or to `now`. */
  goodput(now: Micros): number {
    return (this.received * 8e6) / ((this.ended ?? now) - this.began)
  }

  /** Reads all that comes out of the other end. */
  drain(sink: Tcb, tcp: Tcp): void {
    const onReadable = (): void => {
      const count = sink.receiveRing.length
      this.received += count
      if (count > 0) consumed(sink, count, tcp.now)
      if (!sink.peerClosed) return
      this.ended ??= tcp.now
      close(sink)
    }
    sink.user = { onEstablished() {}, onWritable() {}, onReadable, onClosed() {} }
    onReadable()
  }

  #push(): void {
    while (this.#left > 0) {
      const chunk = this.#left < CHUNK.length ? CHUNK.subarray(0, this.#left) : CHUNK
      const taken = send(this.source, chunk, 0)
      this.#left -= taken
      if (taken < chunk.length) return
    }
    close(this.source)
  }
}

export interface FlowRun {
  readonly flows: readonly Flow[]
  readonly link: NetworkLink
  /** When it ended. */
  readonly now: Micros
}

/** The flows, in the order in which they began, after all have ended or the time was over. */
export function runFlows(options: FlowOptions): FlowRun {
  const { line, bytes = Number.POSITIVE_INFINITY, flows: count = 1, stagger = 0, tcp = {} } = options
  const network = new Network({ seed: line.seed ?? 1 })
  const [a, b] = [network.host('a'), network.host('b')]
  const link = network.link(a, b, line, { medium: 'ip' })
  const to = parseIpv4(link.addresses[1]) as Ipv4Addr
  const flows: Flow[] = []
  const byPort = new Map<number, Flow>()
  const listener = b.machine.listen(to, PORT, { ...tcp, backlog: 1024 })
  listener.onConnection = () => {
    for (let sink = listener.accept(); sink !== undefined; sink = listener.accept()) {
      byPort.get(sink.remotePort)!.drain(sink, b.machine)
    }
  }
  for (let i = 0; i < count; i++) {
    network.at(fromMs(i * stagger), () => {
      const source = a.machine.connect(to, PORT, tcp)
      const flow = new Flow(source, network.now, bytes)
      flows.push(flow)
      byPort.set(source.localPort, flow)
    })
  }
  for (const [at, faults] of options.changes ?? []) network.at(fromMs(at), () => link.configure(faults))
  const until = fromMs(options.until)
  const isDone = (): boolean => flows.length === count && flows.every(({ ended }) => ended !== undefined)
  for (let at: number = SLICE; network.now < until && !isDone(); at += SLICE) network.run(Math.min(at, until) as Micros)
  const { now } = network
  network.close()
  return { flows, link, now }
}
